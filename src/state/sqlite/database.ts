/** One SQLite file: opened, migrated, its statements prepared once. Synchronous: runs in the store's own thread. */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync, type SQLOutputValue, type StatementSync } from 'node:sqlite';
import type { Result, Statement } from '../engine.ts';
import { stateError } from '../errors.ts';

/** A thread may wait for another process's write: nothing else waits for this thread. */
const BUSY_TIMEOUT_MS = 10_000;
const PREPARED_MAX = 300;

export interface Database {
  run(statement: Statement): Result;
  prepare(sql: string): StatementSync;
  /** All or nothing. Takes the write lock at the start: a lock taken half-way fails instead of waiting. */
  transaction<T>(work: () => T): T;
  close(): void;
}

/** `migrations`: the statements of each version. Throws what SQLite throws. */
export function openDatabase(path: string, migrations: readonly (readonly string[])[]): Database {
  mkdirSync(dirname(path), { recursive: true });
  const connection = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
  connection.exec('PRAGMA journal_mode = WAL');
  // FULL: what was acknowledged survives a power cut.
  connection.exec('PRAGMA synchronous = FULL; PRAGMA cache_size = -16000; PRAGMA journal_size_limit = 67108864');
  const database = over(connection);
  migrate(database, migrations);
  return database;
}

function over(connection: DatabaseSync): Database {
  const prepared = new Map<string, StatementSync>();
  const prepare = (sql: string) => {
    const known = prepared.get(sql);
    if (known) return known;
    if (prepared.size >= PREPARED_MAX) prepared.clear();
    const fresh = connection.prepare(sql);
    prepared.set(sql, fresh);
    return fresh;
  };
  return {
    prepare,
    run: ({ sql, params }) => run(prepare(sql), params),
    transaction: (work) => transaction(connection, work),
    close: () => connection.close(),
  };
}

function run(statement: StatementSync, params: Statement['params']): Result {
  if (statement.columns().length === 0) return { rows: [], changes: Number(statement.run(...params).changes) };
  const rows: Record<string, SQLOutputValue>[] = statement.all(...params);
  return { rows, changes: rows.length };
}

function transaction<T>(connection: DatabaseSync, work: () => T): T {
  connection.exec('BEGIN IMMEDIATE');
  try {
    const result = work();
    connection.exec('COMMIT');
    return result;
  } catch (error) {
    if (connection.isTransaction) connection.exec('ROLLBACK');
    throw error;
  }
}

/** Under the write lock, so that two processes that open a new file at once do not both create its tables. */
function migrate(database: Database, migrations: readonly (readonly string[])[]): void {
  if (versionOf(database) === migrations.length) return;
  database.transaction(() => {
    const version = versionOf(database);
    if (version > migrations.length)
      throw stateError('STATE_NEWER', `the state file has schema ${version}, this upriver knows ${migrations.length}`);
    for (const sql of migrations.slice(version).flat()) database.run({ sql, params: [] });
    database.run({ sql: `PRAGMA user_version = ${migrations.length}`, params: [] });
  });
}

function versionOf(database: Database): number {
  return Number(database.run({ sql: 'PRAGMA user_version', params: [] }).rows[0]?.['user_version']);
}
