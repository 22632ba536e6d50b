/** Retention: row data and outcomes of runs that expired go, a page at a time; what was delivered and variables stay. */
import { LOOP_TABLES, type LoopTable } from './commit.ts';
import { type Engine, statement } from './engine.ts';
import { collectDropped } from './rowsets.ts';

const ROWS_PER_PAGE = 5_000;
/** Far more than the clocks of machines differ. */
const PERMITS_KEPT_MS = 86_400_000;

/** Returns how many runs went. Cut off half-way, the next call goes on. */
export async function prune(engine: Engine, now: number): Promise<number> {
  const { db } = engine;
  const expired = await db.selectFrom('runs').select('id').where('expires_at', '<=', now).execute();
  for (const { id } of expired) await pruneRun(engine, id);
  await collectDropped(engine);
  await prunePermits(engine, now - PERMITS_KEPT_MS);
  return expired.length;
}

/** What has long stopped counting: mostly takers that died while they waited. */
async function prunePermits({ db, batch }: Engine, before: number): Promise<void> {
  await batch([
    statement(db.deleteFrom('permit_blocks').where('frees_at', '<', before)),
    statement(db.deleteFrom('permit_answers').where('frees_at', '<', before)),
    statement(db.deleteFrom('permit_waiters').where('due_at', '<', before)),
    statement(db.deleteFrom('permit_pauses').where('until', '<', before)),
  ]);
}

async function pruneRun(engine: Engine, id: string): Promise<void> {
  const { db } = engine;
  await db.updateTable('rowsets').set({ id: null }).where('run_id', '=', id).execute();
  for (const { num } of await db.selectFrom('loops').select('num').where('run_id', '=', id).execute()) {
    await pruneLoop(engine, num);
  }
  await engine.batch([
    statement(db.deleteFrom('steps').where('run_id', '=', id)),
    statement(db.deleteFrom('runs').where('id', '=', id)),
  ]);
}

async function pruneLoop(engine: Engine, loop: number): Promise<void> {
  const { db } = engine;
  for (const table of Object.values(LOOP_TABLES)) {
    while (await deletePage(engine, table, loop)) {}
  }
  await engine.batch([
    statement(db.deleteFrom('loop_writers').where('loop', '=', loop)),
    statement(db.deleteFrom('loops').where('num', '=', loop)),
  ]);
}

async function deletePage({ db }: Engine, { name, columns }: LoopTable, loop: number): Promise<boolean> {
  // The tables look alike here; one stands for all in the types.
  const table = name as 'loop_records';
  const key = columns[0]?.name as 'row';
  const page = db.selectFrom(table).select(key).where('loop', '=', loop).orderBy(key).limit(ROWS_PER_PAGE);
  const gone = db.deleteFrom(table).where('loop', '=', loop).where(key, 'in', page);
  return (await gone.executeTakeFirst()).numDeletedRows > 0n;
}
