/** The SQLite engine's own thread: an fsync or a large upsert must not hold up the process's event loop. */
import { parentPort, workerData } from 'node:worker_threads';
import { UpriverError } from '../../core/errors.ts';
import type { LoopChange } from '../commit.ts';
import type { Result, Statement } from '../engine.ts';
import { type PermitCall, permitProgram } from '../permits.ts';
import { openDatabase } from './database.ts';
import { sqliteError } from './errors.ts';
import { commitLoop, lookupDelivered, runProgram } from './hot.ts';

export interface ThreadData {
  path: string;
  migrations: string[][];
}

/** What the thread can be asked for; each answer comes in the order of asking. */
export type Request =
  | { op: 'batch'; statements: readonly Statement[] }
  | { op: 'run'; statement: Statement }
  | { op: 'commit'; change: LoopChange }
  | { op: 'lookup'; scope: number; keys: Uint8Array }
  | { op: 'permits'; call: PermitCall; now: number | null }
  | { op: 'close' };

export interface WireError {
  code: UpriverError['code'];
  message: string;
  hint: string | undefined;
  retry: boolean;
}

/** The first answer, to no request, says whether the file is open. */
export type Answer = { result: unknown } | { error: WireError };

const { path, migrations } = workerData as ThreadData;
let database: ReturnType<typeof openDatabase>;

answer(() => {
  database = openDatabase(path, migrations);
});
parentPort?.on('message', (request: Request) => answer(() => perform(request)));

function perform(request: Request): unknown {
  switch (request.op) {
    case 'run':
      return database.run(request.statement);
    case 'batch':
      return database.transaction((): Result[] => request.statements.map((statement) => database.run(statement)));
    case 'commit':
      return commitLoop(database, request.change);
    case 'lookup':
      return lookupDelivered(database, request.scope, request.keys);
    case 'permits':
      return runProgram(database, (now) => permitProgram(request.call, { now, schema: '' }), request.now);
    case 'close':
      return database.close();
  }
}

function answer(work: () => unknown): void {
  try {
    parentPort?.postMessage({ result: work() } satisfies Answer);
  } catch (cause) {
    const { code, message, hint, retry } = cause instanceof UpriverError ? cause : sqliteError(cause, path);
    parentPort?.postMessage({ error: { code, message, hint, retry } } satisfies Answer);
  }
}
