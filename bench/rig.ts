/** What the benchmarks run on: a Temporal dev server and real worker processes, as a user would have them. */
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Client } from '@temporalio/client';
import type { Plan } from '../src/contracts/plan.ts';
import type { RunResult } from '../src/contracts/run.ts';
import { hasWorker, startRun } from '../src/temporal/client.ts';
import { connectClient } from '../src/temporal/connection.ts';
import { startTemporal, SupervisedWorker } from '../test/chaos/processes.ts';

export const TOKEN = 'bench-token';
const TASK_QUEUE = 'upriver';

export interface Rig extends AsyncDisposable {
  client: Client;
  /** Runs a plan to its end. Throws for a run that did not succeed. */
  run(plan: Plan): Promise<RunResult>;
  /** The most memory that any worker has had, in MB; null where the system does not tell. */
  peakMemory(): Promise<number | null>;
  /** The state file with its journal, in bytes. */
  stateBytes(): Promise<number>;
  /** Events in the longest history of a run's workflows. */
  historyEvents(runId: string): Promise<number>;
}

let runs = 0;

export async function startRig(workers = 1): Promise<Rig> {
  await using opening = new AsyncDisposableStack();
  const dir = await mkdtemp(join(tmpdir(), 'upriver-bench-'));
  opening.defer(() => rm(dir, { recursive: true, force: true }));
  await writeEmptyProject(dir);
  const temporal = opening.use(await startTemporal(dir));
  const client = await connectClient({ address: temporal.address, namespace: 'default' });
  opening.defer(() => client.connection.close());
  const env = { TEMPORAL_ADDRESS: temporal.address, TOKEN };
  const started = Array.from({ length: workers }, (_, n) =>
    opening.use(new SupervisedWorker({ dir, name: `worker-${n + 1}`, env })),
  );
  while (!(await hasWorker(client, 'default', TASK_QUEUE))) await sleep(100);
  const owned = opening.move();
  return {
    client,
    async run(plan) {
      const runId = `bench-${++runs}`;
      const order = { plan, inputs: {}, startedBy: 'bench', full: false, dryRun: false, retryOf: null };
      await startRun(client, { runId, order, taskQueue: TASK_QUEUE, searchAttributes: true });
      return client.workflow.result<() => Promise<RunResult>>(runId);
    },
    peakMemory: () => peakMemory(started),
    stateBytes: () => stateBytes(join(dir, '.upriver', 'state.db')),
    historyEvents: (runId) => historyEvents(client, runId),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** A worker wants a project; what it runs comes with the run. */
async function writeEmptyProject(dir: string): Promise<void> {
  await mkdir(join(dir, 'rivers'));
  const river =
    'name: nothing\nsteps: [ { id: nothing, type: condition, branches: [ { else: true, then: stop } ] } ]\n';
  await writeFile(join(dir, 'rivers', 'nothing.yaml'), river);
}

async function peakMemory(workers: readonly SupervisedWorker[]): Promise<number | null> {
  const peaks = await Promise.all(
    workers.map(async ({ pid }) => {
      const file = `/proc/${pid}/status`;
      if (!existsSync(file)) return null;
      return Number(/VmHWM:\s+(\d+) kB/.exec(await readFile(file, 'utf8'))?.[1]) / 1_000;
    }),
  );
  return peaks.reduce((most, peak) => (peak === null || most === null ? null : Math.max(most, peak)), 0);
}

async function stateBytes(path: string): Promise<number> {
  const sizes = [path, `${path}-wal`].map((file) =>
    stat(file).then(
      ({ size }) => size,
      () => 0,
    ),
  );
  return (await Promise.all(sizes)).reduce((sum, size) => sum + size, 0);
}

async function historyEvents(client: Client, runId: string): Promise<number> {
  let most = 0;
  const query = `WorkflowId STARTS_WITH "${runId}" AND StartTime > "${new Date(0).toISOString()}"`;
  for await (const { workflowId, historyLength } of client.workflow.list({ query })) {
    const own = workflowId === runId || workflowId.startsWith(`${runId}/`);
    if (own) most = Math.max(most, historyLength ?? 0);
  }
  return most;
}
