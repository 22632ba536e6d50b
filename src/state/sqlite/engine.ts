/** The SQLite engine: requests to its thread, answered in order. */
import { stat } from 'node:fs/promises';
import { Worker } from 'node:worker_threads';
import { SqliteAdapter, SqliteQueryCompiler } from 'kysely';
import { UpriverError } from '../../core/errors.ts';
import { type Engine, kyselyOver, type Result } from '../engine.ts';
import { stateError } from '../errors.ts';
import type { FoundHashes } from '../hashes.ts';
import { type ColumnTypes, compileMigrations } from '../migrations.ts';
import { sqliteError } from './errors.ts';
import type { Answer, Request, ThreadData } from './thread.ts';

const TYPES: ColumnTypes = { integer: 'integer', bytes: 'blob', identity: 'autoincrement', clustered: true };
/** Compiled beside its source: .ts in a checkout, .js in the package. */
const THREAD = new URL(import.meta.url.endsWith('.ts') ? './thread.ts' : './thread.js', import.meta.url);

type Ask = (request: Request) => Promise<unknown>;

export async function openSqlite(path: string): Promise<Engine> {
  const parts = { adapter: new SqliteAdapter(), compiler: new SqliteQueryCompiler() };
  const compileOnly = kyselyOver(() => Promise.reject(new Error('not open')), parts);
  const { ask, opened, close } = startThread({ path, migrations: compileMigrations(compileOnly, TYPES) });
  await opened.catch(async (error) => {
    await close();
    throw error;
  });
  const db = kyselyOver((statement) => ask({ op: 'run', statement }) as Promise<Result>, parts);
  return {
    db,
    batch: (statements) => ask({ op: 'batch', statements }) as Promise<Result[]>,
    commit: (change) => ask({ op: 'commit', change }) as Promise<boolean>,
    lookup: (scope, keys) => ask({ op: 'lookup', scope, keys }) as Promise<FoundHashes>,
    permits: (call, now) => ask({ op: 'permits', call, now }) as never,
    facts: () => facts(path, ask),
    close,
  };
}

/** Asks are answered in order, so a queue matches them up. An idle thread does not keep the process alive. */
function startThread(data: ThreadData): { ask: Ask; opened: Promise<unknown>; close(): Promise<void> } {
  const worker = new Worker(THREAD, { workerData: data, name: 'upriver-state' });
  const waiting: PromiseWithResolvers<unknown>[] = [];
  let gone: UpriverError | null = null;
  const expect = () => {
    const answer = Promise.withResolvers<unknown>();
    if (waiting.push(answer) === 1) worker.ref();
    return answer.promise;
  };
  const end = (error: UpriverError) => {
    gone ??= error;
    for (const answer of waiting.splice(0)) answer.reject(gone);
  };
  worker.on('message', (answer: Answer) => {
    const asked = waiting.shift();
    if (waiting.length === 0) worker.unref();
    if ('error' in answer) asked?.reject(new UpriverError(answer.error.code, answer.error.message, answer.error));
    else asked?.resolve(answer.result);
  });
  worker.on('error', (cause) => end(sqliteError(cause, data.path)));
  worker.on('exit', () => end(stateError('STATE_CLOSED', 'the state store is closed')));
  const ask: Ask = async (request) => {
    if (gone) throw gone;
    worker.postMessage(request);
    return expect();
  };
  const close = async () => {
    // The file is closed after what was asked before; a thread that never opened it has nothing to close.
    await ask({ op: 'close' }).catch(() => {});
    end(stateError('STATE_CLOSED', 'the state store is closed'));
    await worker.terminate();
  };
  return { ask, opened: expect(), close };
}

async function facts(path: string, ask: Ask): Promise<Record<string, string>> {
  const read = async (sql: string) => {
    const { rows } = (await ask({ op: 'run', statement: { sql, params: [] } })) as Result;
    return String(Object.values(rows[0] ?? {})[0]);
  };
  const size = await stat(path).catch((cause) => Promise.reject(sqliteError(cause, path)));
  return {
    engine: 'SQLite',
    version: await read('SELECT sqlite_version()'),
    schema: await read('PRAGMA user_version'),
    size: String(size.size),
    path,
  };
}
