/** A whole engine for tests: a real Temporal dev server, a real worker, a real store, in a folder of its own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client } from '@temporalio/client';
import pino from 'pino';
import { createActivities } from '../../activities/index.ts';
import type { Plan } from '../../src/contracts/plan.ts';
import type { RunResult } from '../../src/contracts/run.ts';
import { byRetryOf } from '../../src/core/started-by.ts';
import type { StateStore } from '../../src/core/store.ts';
import type { Value } from '../../src/core/values.ts';
import { openStore } from '../../src/state/index.ts';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { cancelRun, isCancelRequested, isOpen, type RunOrder, startRun } from '../../src/temporal/client.ts';
import { connectClient, connectWorker } from '../../src/temporal/connection.ts';
import { hostOrJoin } from '../../src/temporal/embedded.ts';
import { createSecretResolver } from '../../src/temporal/secrets.ts';
import { createUpriverWorker, installRuntime } from '../../src/temporal/worker.ts';

export interface Engine extends AsyncDisposable {
  dir: string;
  client: Client;
  store: StateStore;
  /** Runs a plan to its end; rejects as the client's `result()` does. */
  run(plan: Plan, options?: RunOptions): Promise<RunResult>;
  /** The result, also of a run that failed. */
  outcome(plan: Plan, options?: RunOptions): Promise<RunResult>;
  start(plan: Plan, options?: RunOptions): Promise<string>;
  result(runId: string): Promise<RunResult>;
  /** As a deploy does it; nobody works from then on. */
  stopWorker(): Promise<void>;
}

export interface RunOptions {
  runId?: string;
  inputs?: { [name: string]: Value };
  full?: boolean;
  dryRun?: boolean;
  retryOf?: RunOrder['retryOf'];
}

let runs = 0;

export async function startEngine(env: Record<string, string> = {}): Promise<Engine> {
  await using opening = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'upriver-engine-'));
  opening.defer(() => rm(dir, { recursive: true, force: true }));
  const log = pino({ level: process.env.UPRIVER_TEST_LOG ?? 'silent' });
  installRuntime(log);
  const host = await hostOrJoin(dir, {});
  if (host.role !== 'host') throw new Error('a fresh folder has a host already');
  opening.defer(() => host.stop());
  const store = opening.use(await openStore({ path: join(dir, '.upriver', 'state.db') }));
  const client = await connectClient(host);
  opening.defer(() => client.connection.close());
  const drain = new AbortController();
  const { activities, ...pools } = createActivities({
    store,
    secrets: createSecretResolver({ env, projectDir: dir }),
    secretReferences: Object.keys(env).map((name) => ({ env: name })),
    projectDir: dir,
    runs: {
      isOpen: (id) => isOpen(client, id),
      cancel: (id) => cancelRun(client, id),
      isCancelRequested: (id) => isCancelRequested(client, id),
    },
    drain: drain.signal,
    wallClock: () => Date.now(),
    now: () => performance.now(),
    random: Math.random,
    env: { ...process.env, ...env },
  });
  opening.use(pools);
  const connection = await connectWorker(host);
  opening.defer(() => connection.close());
  const taskQueue = 'upriver';
  const bundle = await workflowBundle();
  const parts = { connection, namespace: host.namespace, taskQueue, activities, bundle, identity: 'test' };
  const worker = await createUpriverWorker(parts);
  const running = worker.run();
  const stopWorker = async () => {
    drain.abort();
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running;
  };
  opening.defer(stopWorker);
  const owned = opening.move();
  const start = async (
    plan: Plan,
    { runId, inputs = {}, full = false, dryRun = false, retryOf = null }: RunOptions = {},
  ) => {
    const id = runId ?? `${plan.root}-${process.pid}-${++runs}`;
    const startedBy = retryOf ? byRetryOf(retryOf.runId) : 'test';
    const order: RunOrder = { plan, inputs, startedBy, full, dryRun, retryOf };
    await startRun(client, { runId: id, order, taskQueue, searchAttributes: true });
    return id;
  };
  const result = (runId: string) => client.workflow.result<() => Promise<RunResult>>(runId);
  return {
    ...{ dir, client, store, start, result, stopWorker },
    run: async (plan, options) => result(await start(plan, options)),
    outcome: async (plan, options) => result(await start(plan, options)).catch(failedResult),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A failed run's result rides on its failure. */
function failedResult(error: unknown): RunResult {
  const { cause } = error as { cause?: { details?: unknown[] } };
  if (!cause?.details?.[1]) throw error;
  return cause.details[1] as RunResult;
}
