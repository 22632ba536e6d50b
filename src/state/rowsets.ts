/** Rowsets: a query's result in compressed chunks, written in a stream, seen by readers when published. */
import { randomUUID } from 'node:crypto';
import { type SelectQueryBuilder, sql } from 'kysely';
import type { NewRowset, RowsetMeta, RowsetWriter, StateStore } from '../core/store.ts';
import { CODEC, decodeRows, encodeRows } from './codec.ts';
import { type Engine, statement } from './engine.ts';
import { stateError } from './errors.ts';
import type { Tables } from './schema.ts';

const CHUNK_ROWS = 5_000;
const CHUNK_CHARACTERS = 4 * 1024 * 1024;
/** Chunks being compressed or written while the next is filled. */
const CHUNKS_UNDER_WAY = 2;

interface Chunk {
  number: number;
  firstRow: number;
  rows: readonly string[];
}

export function rowsetsOf(engine: Engine): Pick<StateStore, 'writeRowset' | 'getRowset' | 'readChunk'> {
  const { db } = engine;
  return {
    async writeRowset(id, rowset) {
      const begun = await begin(engine, id, rowset);
      await collectDropped(engine);
      return writer(engine, { id, runId: rowset.runId, columns: [...rowset.columns], ...begun });
    },
    async getRowset(id) {
      const row = await db
        .selectFrom('rowsets')
        .selectAll()
        .where('id', '=', id)
        .where('published', '=', 1)
        .executeTakeFirst();
      if (!row) return null;
      return {
        id,
        runId: row.run_id,
        columns: JSON.parse(row.columns),
        rows: row.row_count,
        chunkStarts: JSON.parse(row.chunk_starts),
      };
    },
    async readChunk(rowsetId, chunk) {
      const row = await db
        .selectFrom('rowset_chunks')
        .innerJoin('rowsets', 'rowsets.num', 'rowset_chunks.rowset')
        .select(['first_row', 'codec', 'data'])
        .where('rowsets.id', '=', rowsetId)
        .where('rowsets.published', '=', 1)
        .where('chunk', '=', chunk)
        .executeTakeFirst();
      if (!row) throw stateError('STATE_MISSING', `the row data ${rowsetId} has no chunk ${chunk}`);
      return { firstRow: row.first_row, rows: await decodeRows(row.codec, row.data) };
    },
  };
}

/** Deletes the chunks of dropped rowsets, a few per transaction. */
export async function collectDropped({ db }: Engine): Promise<void> {
  const dropped = await db.selectFrom('rowsets').select('num').where('id', 'is', null).execute();
  for (const { num } of dropped) {
    while (await deleteChunks(num)) {}
    await db.deleteFrom('rowsets').where('num', '=', num).execute();
  }

  async function deleteChunks(rowset: number): Promise<boolean> {
    const some = db.selectFrom('rowset_chunks').select('chunk').where('rowset', '=', rowset).orderBy('chunk').limit(16);
    const gone = db.deleteFrom('rowset_chunks').where('rowset', '=', rowset).where('chunk', 'in', some);
    return (await gone.executeTakeFirst()).numDeletedRows > 0n;
  }
}

/** A writer's private number, and what it begins with. */
interface Begun {
  rowset: number;
  rows: number;
  starts: number[];
}

/**
 * Takes a private number for a new writer, in one transaction with dropping what an earlier one left under the id. Its
 * chunks of the same source, as far as none is missing, go over to the new number; an earlier writer that still lives
 * knows the old one only, under which nobody reads.
 */
async function begin({ db, batch }: Engine, id: string, of: NewRowset): Promise<Begun> {
  const source = of.source ?? null;
  // Tells the one that gives its chunks from those that were dropped before.
  const giverMark = randomUUID();
  const unpublished = db.updateTable('rowsets').where('id', '=', id).where('published', '=', 0);
  const insert = db
    .insertInto('rowsets')
    .values({
      id,
      run_id: of.runId,
      columns: JSON.stringify(of.columns),
      published: 0,
      row_count: 0,
      chunk_starts: '[]',
      source,
    })
    .onConflict((c) => c.column('id').doNothing())
    .returning('num');
  const giver = db.selectFrom('rowsets').select('num').where('id', 'is', null).where('source', '=', giverMark);
  const taker = db.selectFrom('rowsets').select('num').where('id', '=', id).where('published', '=', 0);
  const [, , inserted, , kept] = await batch([
    // A null equals nothing: without a source there is no giver.
    statement(unpublished.where('source', '=', source).set({ id: null, source: giverMark })),
    statement(unpublished.set({ id: null })),
    statement(insert),
    statement(moveChunks(db, giver, taker)),
    statement(
      db.selectFrom('rowset_chunks').select(['first_row', 'row_count']).where('rowset', '=', taker).orderBy('chunk'),
    ),
  ]);
  const num = inserted?.rows[0]?.['num'];
  if (num === undefined) throw stateError('STATE_CONFLICT', `the row data ${id} is already there`);
  const chunks = (kept?.rows ?? []).map((row) => ({ start: Number(row['first_row']), rows: Number(row['row_count']) }));
  const last = chunks.at(-1);
  return { rowset: Number(num), rows: last ? last.start + last.rows : 0, starts: chunks.map(({ start }) => start) };
}

type NumQuery = SelectQueryBuilder<Tables, 'rowsets', { num: number }>;

/** Two chunks are under way at once, so a later one may be there without the one before it: it stays behind. */
function moveChunks(db: Engine['db'], from: NumQuery, to: NumQuery) {
  const placed = db
    .selectFrom('rowset_chunks')
    .select([
      'chunk',
      (e) =>
        e.fn
          .agg<number>('row_number')
          .over((over) => over.orderBy('chunk'))
          .as('place'),
    ])
    .where('rowset', '=', from)
    .as('placed');
  const whole = db.selectFrom(placed).select('chunk').where('place', '=', sql<number>`chunk + 1`);
  return db.updateTable('rowset_chunks').set({ rowset: to }).where('rowset', '=', from).where('chunk', 'in', whole);
}

function writer(engine: Engine, meta: Omit<RowsetMeta, 'rows' | 'chunkStarts'> & Begun): RowsetWriter {
  const { rowset, id, runId, columns, starts } = meta;
  const kept = meta.rows;
  const underWay = new Set<Promise<void>>();
  let failure: unknown = null;
  let rows = kept;
  let buffer: string[] = [];
  let characters = 0;

  function flush(): void {
    if (buffer.length === 0) return;
    const chunk = { number: starts.length, firstRow: rows, rows: buffer };
    starts.push(rows);
    rows += buffer.length;
    buffer = [];
    characters = 0;
    const writing = writeChunk(engine, rowset, chunk)
      .catch((cause) => {
        failure ??= cause;
      })
      .finally(() => underWay.delete(writing));
    underWay.add(writing);
  }

  async function settle(atMost: number): Promise<void> {
    while (underWay.size > atMost) await Promise.race(underWay);
    if (failure) throw failure;
  }

  return {
    kept,
    async append(texts) {
      for (const text of texts) {
        if (buffer.length === CHUNK_ROWS || characters + text.length > CHUNK_CHARACTERS) {
          flush();
          await settle(CHUNKS_UNDER_WAY);
        }
        buffer.push(text);
        characters += text.length;
      }
    },
    async publish() {
      flush();
      await settle(0);
      await publish(engine, rowset, { rows, starts });
      return { id, runId, columns, rows, chunkStarts: starts };
    },
    async abort() {
      buffer = [];
      await settle(0).catch(() => {});
      await engine.db
        .updateTable('rowsets')
        .set({ id: null })
        .where('num', '=', rowset)
        .where('published', '=', 0)
        .execute();
      await collectDropped(engine);
    },
  };
}

/** Only while the rowset is this writer's: one that was replaced writes nothing more. */
async function writeChunk({ db }: Engine, rowset: number, { number, firstRow, rows }: Chunk): Promise<void> {
  const data = await encodeRows(rows);
  const insert = db.insertInto('rowset_chunks').columns(['rowset', 'chunk', 'first_row', 'row_count', 'codec', 'data']);
  const own = db
    .selectFrom('rowsets')
    .select((e) => [
      'num',
      e.val(number).as('chunk'),
      e.val(firstRow).as('first'),
      e.val(rows.length).as('count'),
      e.val(CODEC).as('codec'),
      e.val(data).as('data'),
    ])
    .where('num', '=', rowset)
    .where('published', '=', 0)
    .where('id', 'is not', null);
  if ((await insert.expression(own).executeTakeFirst()).numInsertedOrUpdatedRows !== 1n) throw replaced();
}

async function publish({ db }: Engine, rowset: number, of: { rows: number; starts: number[] }): Promise<void> {
  const update = db
    .updateTable('rowsets')
    .set({ published: 1, row_count: of.rows, chunk_starts: JSON.stringify(of.starts) })
    .where('num', '=', rowset)
    .where('published', '=', 0)
    .where('id', 'is not', null);
  if ((await update.executeTakeFirst()).numUpdatedRows !== 1n) throw replaced();
}

function replaced() {
  return stateError('STATE_CONFLICT', 'another attempt writes these rows now');
}
