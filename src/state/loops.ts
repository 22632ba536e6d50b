/** Loops: their fence, the states of their rows, the records of those that ended badly, what was delivered. */
import type { Selectable } from 'kysely';
import { countsFromHistogram, type Outcome, ROW_STATE } from '../core/outcomes.ts';
import type { LoopKey, LoopRecord, OutcomeRecord, StateStore } from '../core/store.ts';
import { loopChange } from './commit.ts';
import { type Engine, statement } from './engine.ts';
import { stateError } from './errors.ts';
import { pack, unpack } from './hashes.ts';
import { HISTOGRAM_COLUMNS, type Tables } from './schema.ts';

type Loops = Pick<
  StateStore,
  | 'openLoop'
  | 'getLoop'
  | 'listLoops'
  | 'laterLoops'
  | 'claimLoop'
  | 'closeLoop'
  | 'stopLoop'
  | 'closeLoops'
  | 'readStates'
  | 'nextOpenChunk'
  | 'readProgress'
  | 'commitLoop'
  | 'countLoop'
  | 'readRecords'
  | 'readOutputs'
>;

/** Hashes of what was last delivered. A scope's text is kept once, its number thereafter. */
export interface Delivered {
  scopeNumber(scope: string): Promise<number>;
  lookup: StateStore['lookupDelivered'];
}

/** What stopped a loop that nothing did. */
const NOTHING = 'null';
const CHUNKS_PER_PAGE = 2_000;

export function loopsOf(engine: Engine, delivered: Delivered): Loops {
  const { db } = engine;
  const find = (key: LoopKey) =>
    db.selectFrom('loops').selectAll().where('run_id', '=', key.runId).where('path', '=', key.path).executeTakeFirst();
  const need = async (key: LoopKey) => (await find(key)) ?? missing(key);
  const raiseAll = () => db.updateTable('loops').set((e) => ({ epoch: e('epoch', '+', 1) }));
  const raise = (key: LoopKey) => raiseAll().where('run_id', '=', key.runId).where('path', '=', key.path);
  return {
    async openLoop({ runId, path, rowsetId, rows, chunkSizes }) {
      const row = {
        run_id: runId,
        path,
        rowset_id: rowsetId,
        row_count: rows,
        chunk_sizes: JSON.stringify(chunkSizes),
        epoch: 0,
        requests: 0,
        closed: null,
      };
      await db
        .insertInto('loops')
        .values(row)
        .onConflict((c) => c.columns(['run_id', 'path']).doNothing())
        .execute();
      return loopOf(await need({ runId, path }));
    },
    async getLoop(key) {
      const row = await find(key);
      return row ? loopOf(row) : null;
    },
    async listLoops(runId) {
      return (await db.selectFrom('loops').selectAll().where('run_id', '=', runId).orderBy('num').execute()).map(
        loopOf,
      );
    },
    async laterLoops({ runId, path }) {
      // Runs are numbered when they begin, after they have waited for each other.
      const loops = db
        .selectFrom('loops')
        .innerJoin('runs as later', 'later.id', 'loops.run_id')
        .innerJoin('runs as this', 'this.river', 'later.river')
        .selectAll('loops')
        .where('this.id', '=', runId)
        .whereRef('later.num', '>', 'this.num')
        .where('loops.path', '=', path);
      return (await loops.orderBy('later.num', 'desc').execute()).map(loopOf);
    },
    async claimLoop(key) {
      const claimed = await raise(key).where('closed', 'is', null).returning('epoch').executeTakeFirst();
      return claimed ?? ended(await need(key));
    },
    async closeLoop(key) {
      const close = raise(key).set((e) => ({ closed: e.fn.coalesce('closed', e.val(NOTHING)) }));
      return (await close.returning('epoch').executeTakeFirst()) ?? missing(key);
    },
    async stopLoop({ runId, path }, epoch, why) {
      const stop = db
        .updateTable('loops')
        .set((e) => ({ closed: e.fn.coalesce('closed', e.val(why)) }))
        .where('run_id', '=', runId)
        .where('path', '=', path)
        .where('epoch', '=', epoch);
      return (await stop.executeTakeFirst()).numUpdatedRows > 0n;
    },
    async closeLoops(runId) {
      const open = raiseAll().where('run_id', '=', runId).where('closed', 'is', null);
      await open.set({ closed: NOTHING }).execute();
    },
    async readStates(key, chunk) {
      const loop = await need(key);
      const size = (JSON.parse(loop.chunk_sizes) as number[])[chunk];
      if (size === undefined) throw stateError('STATE_MISSING', `the loop ${key.path} has no chunk ${chunk}`);
      const row = await db
        .selectFrom('loop_chunks')
        .select('states')
        .where('loop', '=', loop.num)
        .where('chunk', '=', chunk)
        .executeTakeFirst();
      return row?.states ?? new Uint8Array(size);
    },
    async nextOpenChunk(key, from) {
      const loop = await need(key);
      const chunks = (JSON.parse(loop.chunk_sizes) as number[]).length;
      return firstOpen(engine, loop.num, { from, chunks });
    },
    async readProgress(key, firstRow, lastRow) {
      const { num } = await need(key);
      const query = db.selectFrom('loop_progress').select(['row', 'cursor', 'outputs']).where('loop', '=', num);
      return query.where('row', '>=', firstRow).where('row', '<=', lastRow).orderBy('row').execute();
    },
    async commitLoop(commit) {
      const scope = commit.delivered ? await delivered.scopeNumber(commit.delivered.scope) : null;
      return engine.commit(loopChange(commit, scope));
    },
    async countLoop(key) {
      const loop = await need(key);
      const settled = await sumStates(engine, loop.num);
      const touched = settled.reduce((sum, count) => sum + count, 0);
      settled[ROW_STATE.pending] = (settled[ROW_STATE.pending] ?? 0) + loop.row_count - touched;
      return { rows: countsFromHistogram(settled), requests: loop.requests, inDoubt: settled[ROW_STATE.sending] ?? 0 };
    },
    async readRecords(key, { outcomes, afterRow = -1, limit }) {
      const { num } = await need(key);
      if (outcomes?.length === 0) return [];
      let query = db.selectFrom('loop_records').selectAll().where('loop', '=', num).where('row', '>', afterRow);
      if (outcomes) query = query.where('outcome', 'in', [...outcomes]);
      if (limit !== undefined) query = query.limit(limit);
      return (await query.orderBy('row').execute()).map(recordOf);
    },
    async readOutputs(key, firstRow, lastRow) {
      const { num } = await need(key);
      const query = db
        .selectFrom('loop_outputs')
        .select(['row', 'outputs', 'http_status as httpStatus'])
        .where('loop', '=', num);
      return query.where('row', '>=', firstRow).where('row', '<=', lastRow).orderBy('row').execute();
    },
  };
}

export function deliveredOf(engine: Engine): Delivered {
  const { db } = engine;
  const numbers = new Map<string, number>();
  async function scopeNumber(scope: string): Promise<number> {
    const known = numbers.get(scope);
    if (known !== undefined) return known;
    const insert = db
      .insertInto('delivered_scopes')
      .values({ scope })
      .onConflict((c) => c.column('scope').doNothing());
    const select = db.selectFrom('delivered_scopes').select('num').where('scope', '=', scope);
    const [, found] = await engine.batch([statement(insert), statement(select)]);
    const number = Number(found?.rows[0]?.['num']);
    numbers.set(scope, number);
    return number;
  }
  async function lookup(scope: string, keys: readonly Uint8Array[]): Promise<Map<string, Uint8Array>> {
    const found = new Map<string, Uint8Array>();
    if (keys.length === 0) return found;
    const { there, hashes } = await engine.lookup(await scopeNumber(scope), pack(keys));
    for (const [index, hash] of unpack(hashes).entries()) {
      if (there[index]) found.set(Buffer.from(keys[index] as Uint8Array).toString('hex'), hash);
    }
    return found;
  }
  return { scopeNumber, lookup };
}

/** The first chunk that has no line yet, or one with rows still open. */
async function firstOpen(
  { db }: Engine,
  loop: number,
  range: { from: number; chunks: number },
): Promise<number | null> {
  let chunk = range.from;
  while (chunk < range.chunks) {
    const page = await db
      .selectFrom('loop_chunks')
      .select('chunk')
      .where('loop', '=', loop)
      .where('chunk', '>=', chunk)
      .where('n_pending', '=', 0)
      .where('n_sending', '=', 0)
      .orderBy('chunk')
      .limit(CHUNKS_PER_PAGE)
      .execute();
    for (const settled of page) {
      if (settled.chunk !== chunk) return chunk;
      chunk += 1;
    }
    if (page.length < CHUNKS_PER_PAGE) break;
  }
  return chunk < range.chunks ? chunk : null;
}

async function sumStates({ db }: Engine, loop: number): Promise<number[]> {
  const query = db
    .selectFrom('loop_chunks')
    .select((e) => HISTOGRAM_COLUMNS.map((column) => e.fn.sum<number | null>(column).as(column)));
  const sums = await query.where('loop', '=', loop).executeTakeFirstOrThrow();
  return HISTOGRAM_COLUMNS.map((column) => sums[column] ?? 0);
}

function missing(key: LoopKey): never {
  throw stateError('STATE_MISSING', `the run ${key.runId} has no loop ${key.path} in the state store`);
}

function ended({ path }: { path: string }): never {
  throw stateError('STATE_LOOP_ENDED', `the loop ${path} has ended: nothing more of it is sent`);
}

function loopOf(row: Selectable<Tables['loops']>): LoopRecord {
  return {
    runId: row.run_id,
    path: row.path,
    rowsetId: row.rowset_id,
    rows: row.row_count,
    epoch: row.epoch,
    requests: row.requests,
    closed: row.closed,
  };
}

function recordOf(row: Selectable<Tables['loop_records']>): OutcomeRecord {
  const { key, code, message, excerpt, attempts } = row;
  return {
    row: row.row,
    key,
    outcome: row.outcome as Outcome,
    code,
    message,
    httpStatus: row.http_status,
    excerpt,
    attempts,
  };
}
