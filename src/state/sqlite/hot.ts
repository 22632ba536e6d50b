/** The hot statements on SQLite: prepared once, run row by row in one transaction. */
import { LOOP_TABLES, type LoopChange, type LoopTable } from '../commit.ts';
import type { Param } from '../engine.ts';
import { type FoundHashes, packFound, unpack } from '../hashes.ts';
import type { Program } from '../permits.ts';
import type { Database } from './database.ts';

const UPSERTS = Object.fromEntries(
  Object.entries(LOOP_TABLES).map(([name, table]) => [name, upsertSql(table)]),
) as Record<keyof typeof LOOP_TABLES, string>;

/** False: the epoch was overtaken and nothing was written. */
export function commitLoop(database: Database, change: LoopChange): boolean {
  return database.transaction(() => {
    const loop = fence(database, change);
    if (loop === null) return false;
    if (isApplied(database, loop, change)) return true;
    database.prepare('UPDATE loops SET requests = requests + ? WHERE num = ?').run(change.requests, loop);
    for (const { table, rows } of change.upserts) runEach(database, UPSERTS[table], rows, loop);
    const done = change.progressDone.map((row) => [row]);
    runEach(database, 'DELETE FROM loop_progress WHERE loop = ? AND row = ?', done, loop);
    writeDelivered(database, change.delivered);
    return true;
  });
}

export function lookupDelivered(database: Database, scope: number, keys: Uint8Array): FoundHashes {
  const select = database.prepare('SELECT hash FROM delivered WHERE scope = ? AND key = ?');
  return packFound(unpack(keys).map((key) => select.get(scope, key)?.['hash'] as Uint8Array | undefined));
}

/** Runs a program on the spot: nothing else of this process comes between its statements. */
export function runProgram<T>(database: Database, start: (now: number) => Program<T>, now: number | null): T {
  return database.transaction(() => {
    // The time under the lock: whoever comes later reads a later one.
    const program = start(now ?? Date.now());
    let step = program.next();
    while (!step.done) step = program.next(step.value.map((statement) => database.run(statement).rows));
    return step.value;
  });
}

function fence(database: Database, { runId, path, epoch }: LoopChange): number | null {
  const loop = database
    .prepare('SELECT num FROM loops WHERE run_id = ? AND path = ? AND epoch = ?')
    .get(runId, path, epoch);
  return loop ? Number(loop['num']) : null;
}

/** Whether the writer's commit was applied before: its answer was lost, or this one comes late. */
function isApplied(database: Database, loop: number, { seq }: LoopChange): boolean {
  if (!seq) return false;
  const sql = `INSERT INTO loop_writers AS last (loop, writer, number) VALUES (?, ?, ?)
               ON CONFLICT (loop, writer) DO UPDATE SET number = excluded.number WHERE excluded.number > last.number`;
  return database.prepare(sql).run(loop, seq.writer, seq.number).changes === 0;
}

function writeDelivered(database: Database, delivered: LoopChange['delivered']): void {
  if (!delivered) return;
  const hashes = unpack(delivered.hashes);
  const rows = unpack(delivered.keys).map((key, index) => [key, hashes[index] ?? null]);
  const sql = `INSERT INTO delivered (scope, key, hash) VALUES (?, ?, ?)
               ON CONFLICT (scope, key) DO UPDATE SET hash = excluded.hash`;
  runEach(database, sql, rows, delivered.scope);
}

/** `owner`: the loop or scope that all rows belong to, as each one's first value. */
function runEach(database: Database, sql: string, rows: readonly (readonly Param[])[], owner: number): void {
  if (rows.length === 0) return;
  const statement = database.prepare(sql);
  for (const row of rows) statement.run(owner, ...row);
}

function upsertSql({ name, columns }: LoopTable): string {
  const names = columns.map((column) => column.name);
  const set = names.slice(1).map((column) => `${column} = excluded.${column}`);
  return `INSERT INTO ${name} (loop, ${names.join(', ')}) VALUES (?, ${names.map(() => '?').join(', ')})
          ON CONFLICT (loop, ${names[0]}) DO UPDATE SET ${set.join(', ')}`;
}
