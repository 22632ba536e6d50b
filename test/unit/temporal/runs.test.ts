/** Runs and schedules as a real server has them: paused ones, taken ids, what nobody watches any more. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Client, Connection } from '@temporalio/client';
import type { RunRecord } from '../../../src/core/store.ts';
import { openStore } from '../../../src/state/index.ts';
import {
  isOpen,
  isOutdated,
  listOpenRuns,
  type RunOrder,
  servesOrder,
  startRun,
} from '../../../src/temporal/client.ts';
import { closeEndedRuns, dryRunQueue, endStaleDryRuns } from '../../../src/temporal/close-runs.ts';
import { connectClient } from '../../../src/temporal/connection.ts';
import { type EmbeddedHost, hostOrJoin } from '../../../src/temporal/embedded.ts';
import { applySchedules, dueTimes, planSchedules, type WantedSchedule } from '../../../src/temporal/schedules.ts';
import { requireTemporalBinary } from '../../../src/temporal/server-binary.ts';
import { plan } from '../../helpers/plans.ts';

let dir: string;
let temporal: EmbeddedHost;
let client: Client & { connection: Connection };

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'upriver-runs-'));
  temporal = (await hostOrJoin(dir, {
    env: { ...process.env, TEMPORAL_CLI_PATH: await pausingServer() },
  })) as EmbeddedHost;
  client = await connectClient(temporal);
});

afterAll(async () => {
  await client.connection.close();
  await temporal.stop();
  await rm(dir, { recursive: true, force: true, maxRetries: 10 });
});

/** A dev server lets workflows be paused only when asked to. */
async function pausingServer(): Promise<string> {
  const { path } = await requireTemporalBinary({});
  const script = join(dir, 'temporal');
  const more = '--dynamic-config-value frontend.WorkflowPauseEnabled=true';
  await writeFile(script, `#!/bin/sh\n[ "$1" = server ] && exec '${path}' "$@" ${more}\nexec '${path}' "$@"\n`);
  await chmod(script, 0o755);
  return script;
}

const PLAN = plan({ url: 'http://127.0.0.1:9', steps: [] });
const TASK_QUEUE = 'upriver';

function order(change: Partial<RunOrder> = {}): RunOrder {
  return { plan: PLAN, inputs: {}, startedBy: 'cli', full: false, dryRun: false, retryOf: null, ...change };
}

function retry(runId: string, includeUnknown: boolean): RunOrder {
  return order({ startedBy: `retry:${runId}`, retryOf: { runId, includeUnknown } });
}

async function start(runId: string, change: Partial<RunOrder> = {}, taskQueue = TASK_QUEUE): Promise<void> {
  await startRun(client, { runId, order: order(change), taskQueue, searchAttributes: true });
}

function record(id: string): RunRecord {
  return {
    ...{ id, river: 'deals', status: 'running', startedAt: 1, endedAt: null, inputs: {}, startedBy: 'cli' },
    ...{ error: null, values: null, expiresAt: null },
  };
}

/** The server lists what changed a moment later. */
async function listed(runId: string): Promise<boolean> {
  return (await listOpenRuns(client, { river: 'deals' })).some((run) => run.runId === runId);
}

async function until(probe: () => Promise<boolean>): Promise<void> {
  while (!(await probe())) await new Promise((done) => setImmediate(done));
}

test('a paused run has not ended: it is open, listed, and left as it is', async () => {
  await start('paused');
  await client.workflowService.pauseWorkflowExecution({
    ...{ namespace: temporal.namespace, workflowId: 'paused', requestId: 'once', identity: 'test', reason: 'a look' },
  });
  expect((await client.workflow.getHandle('paused').describe()).status.name).toBe('PAUSED');
  expect(await isOpen(client, 'paused')).toBe(true);
  await until(async () => (await listOpenRuns(client, { river: 'deals' })).some((run) => run.paused));
  await using store = await openStore({ path: ':memory:' });
  await store.createRun(record('paused'));
  await closeEndedRuns(store, client, { retentionMs: 1, lost: true });
  expect(await store.getRun('paused')).toMatchObject({ status: 'running' });

  await client.workflow.getHandle('paused').terminate('enough');
  expect(await isOpen(client, 'paused')).toBe(false);
  await until(async () => !(await listed('paused')));
  await closeEndedRuns(store, client, { retentionMs: 1, lost: true });
  expect(await store.getRun('paused')).toMatchObject({ status: 'cancelled', error: { code: 'REMOTE_RUN_ENDED' } });
});

test('an id that another run has is an error, not that run', async () => {
  await start('taken');
  await expect(start('taken')).rejects.toMatchObject({
    code: 'INTERNAL_RUN_ID',
    message: expect.stringContaining('taken'),
  });
});

test('of dry runs that nobody works for any more the next host makes an end; other runs stay', async () => {
  await start('real');
  await start('dry-of-a-guest', { startedBy: 'dry-run', dryRun: true });
  await start('dry', { startedBy: 'dry-run', dryRun: true }, dryRunQueue(1, 2));
  await until(() => listed('dry'));
  await endStaleDryRuns(client);
  expect(await isOpen(client, 'dry')).toBe(false);
  expect(await isOpen(client, 'dry-of-a-guest')).toBe(true);
  expect(await isOpen(client, 'real')).toBe(true);
});

test('what an open run is gone on with for', async () => {
  const serves = async (open: RunOrder, asked: RunOrder) => {
    const runId = `serves-${Math.random()}`;
    await start(runId, open);
    const { memo } = await client.workflow.getHandle(runId).describe();
    return servesOrder(memo as Parameters<typeof servesOrder>[0], asked);
  };
  expect(await serves(order({ inputs: { day: 1 } }), order({ inputs: { day: 1 } }))).toBe(true);
  expect(await serves(order({ inputs: { day: 1 } }), order({ inputs: { day: 2 } }))).toBe(false);
  expect(await serves(order(), order({ full: true }))).toBe(false);
  expect(await serves(order({ full: true }), order())).toBe(true);
  expect(await serves(retry('a', false), retry('a', false))).toBe(true);
  expect(await serves(retry('a', true), retry('a', false))).toBe(true);
  expect(await serves(retry('a', false), retry('a', true))).toBe(false);
  expect(await serves(retry('a', false), retry('b', false))).toBe(false);
  expect(await serves(retry('a', false), order())).toBe(false);
  expect(await serves(order(), retry('a', false))).toBe(false);
});

test('a schedule’s runs are noticed by other workers as quickly as others, and overlap as the schedule says', async () => {
  const scope = { client, taskQueue: TASK_QUEUE, searchAttributes: true };
  const wanted: WantedSchedule = {
    ...{ plan: PLAN, cron: '0 6 * * *', timezone: 'UTC', inputs: {}, jitterMs: null, catchupMs: null },
    ...{ overlap: 'allow', pauseOnFailure: false },
  };
  const [created] = await applySchedules(scope, [wanted]);
  expect(created?.change).toBe('create');
  const { action } = await client.schedule.getHandle(created?.id ?? '').describe();
  expect(action).toMatchObject({
    workflowTaskTimeout: 5_000,
    args: [{ plan: { rivers: { deals: { ...PLAN.rivers['deals'], overlap: 'allow' } } } }],
  });
  expect(servesOrder(action.memo as Parameters<typeof servesOrder>[0], order())).toBe(true);
  expect(isOutdated(action.memo as Parameters<typeof isOutdated>[0], order())).toBe(false);
  const changes = async (of: WantedSchedule) => (await planSchedules(scope, [of]))[0]?.change;
  expect(await changes(wanted)).toBe('keep');
  const [from, to] = [new Date('2026-11-01T06:00:00.001Z'), new Date('2026-11-04T06:00:00Z')];
  const due = await dueTimes({ client, namespace: temporal.namespace }, { scheduleId: created?.id ?? '', from, to });
  expect(due).toBe(3);
  expect(await changes({ ...wanted, overlap: 'queue' })).toBe('update');
});
