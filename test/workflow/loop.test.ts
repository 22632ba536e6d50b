import proto from '@temporalio/proto';
import type { HttpConnectionPlan, Plan } from '../../src/contracts/plan.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { action, loop, type PlanParts, plan, query, request } from '../helpers/plans.ts';

const deals = (from: number, to: number) =>
  `select id::varchar as deal_id, json_object('amount', id) as property_values from range(${from}, ${to + 1}) t(id)`;

describe('a loop over rows', () => {
  let engine: Engine;
  let sandbox: Sandbox;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
    sandbox = await startSandbox({ deals: 500, limits: null });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });
  beforeEach(() => sandbox.reset());

  const planOf = (parts: Omit<PlanParts, 'url'>): Plan => plan({ url: sandbox.url, ...parts });

  test('delivers every row and counts them', async () => {
    const result = await engine.run(planOf({ steps: [query(deals(1, 500)), loop()] }));
    expect(result).toMatchObject({ status: 'succeeded', error: null });
    expect(result.rows).toMatchObject({ read: 500, delivered: 500, not_attempted: 0 });
    expect(sandbox.state().deals).toMatchObject({ received: 500, applied: 500 });
  });

  test('a row that the API refuses is rejected with its reason, and the run fails once the others are sent', async () => {
    const result = await engine.outcome(planOf({ steps: [query(deals(491, 510)), loop()] }));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'ROW_TOLERANCE', step: 'each' } });
    expect(result.rows).toMatchObject({ read: 20, delivered: 10, rejected: 10 });
    const [first] = await engine.store.readRecords({ runId: result.run_id, path: 'each' }, {});
    expect(first).toMatchObject({ row: 10, outcome: 'rejected', code: 'HTTP_404', httpStatus: 404, attempts: 1 });
  });

  test('within `tolerate` the run is partial', async () => {
    const result = await engine.run(planOf({ steps: [query(deals(491, 510)), loop({ tolerate: { percent: 50 } })] }));
    expect(result.status).toBe('partial');
  });

  test('`stop_after` ends the loop early; the rest is not attempted', async () => {
    const step = loop({ stopAfter: { rows: 3 }, maxInFlight: 1 });
    const result = await engine.outcome(planOf({ steps: [query(deals(501, 520)), step] }));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'ROW_STOP_AFTER' } });
    expect(result.rows).toMatchObject({ read: 20, rejected: 3, not_attempted: 17 });
  });

  test('null and shared keys are rejected before anything is sent', async () => {
    const sql = `${deals(1, 5)} union all ${deals(5, 6)} union all select null, json_object('amount', 1)`;
    const result = await engine.outcome(planOf({ steps: [query(sql), loop({ key: ['deal_id'] })] }));
    expect(result.rows).toMatchObject({ read: 8, delivered: 5, rejected: 3 });
    expect(sandbox.deal('5')).toMatchObject({ received: 0 });
    const records = await engine.store.readRecords({ runId: result.run_id, path: 'each' }, {});
    expect(records.map(({ code }) => code).sort()).toEqual(['ROW_KEY_NULL', 'ROW_KEY_SHARED', 'ROW_KEY_SHARED']);
  });

  test('`send: changed` sends a row again only when it has changed, or when all are asked for', async () => {
    const step = loop({ id: 'changes', key: ['deal_id'], send: 'changed' });
    const first = planOf({ steps: [query(deals(1, 10)), step] });
    expect((await engine.run(first)).rows).toMatchObject({ delivered: 10, unchanged: 0 });
    expect((await engine.run(first)).rows).toMatchObject({ delivered: 0, unchanged: 10 });
    const sql = `select deal_id, case when deal_id = '3' then json_object('amount', 99) else property_values end from (${deals(1, 10)})`;
    expect((await engine.run(planOf({ steps: [query(sql), step] }))).rows).toMatchObject({
      delivered: 1,
      unchanged: 9,
    });
    expect((await engine.run(first, { full: true })).rows).toMatchObject({ delivered: 10, unchanged: 0 });
  });

  test('`send: changed` sends a value again when one that may have been applied came between', async () => {
    const step = loop({ id: 'returns', key: ['deal_id'], send: 'changed', tolerate: { percent: 100 } });
    const once = action({ retry: { attempts: 1, initialMs: 5, maxMs: 20 } });
    const withAmount = (amount: number): Plan =>
      planOf({ steps: [query(deals(1, 3).replace("'amount', id", `'amount', ${amount}`)), step], actions: [once] });
    await engine.run(withAmount(1));
    sandbox.set({
      faults: {
        script: [
          { fault: '500_after', ids: ['2'] },
          { fault: '423', ids: ['3'] },
        ],
      },
    });
    expect((await engine.run(withAmount(2))).rows).toMatchObject({ delivered: 1, failed: 2 });
    sandbox.set({ faults: {} });
    expect((await engine.run(withAmount(1))).rows).toMatchObject({ delivered: 3 });
    expect(sandbox.deal('2').properties).toMatchObject({ amount: '1' });
  });

  test('`send: changed` sends a value again when a cancel left one in doubt', async () => {
    const step = loop({ id: 'doubtful', key: ['deal_id'], send: 'changed' });
    const withAmount = (amount: number): Plan =>
      planOf({ steps: [query(deals(1, 3).replace("'amount', id", `'amount', ${amount}`)), step] });
    await engine.run(withAmount(1));
    sandbox.set({ faults: { script: [{ fault: 'hang_after', ids: ['2'] }] } });
    const runId = await engine.start(withAmount(2));
    while (sandbox.deal('2').properties?.amount !== '2') await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.client.workflow.getHandle(runId).cancel();
    await expect(engine.result(runId)).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    expect((await engine.store.countLoop({ runId, path: 'doubtful' })).rows).toMatchObject({ unknown: 1 });
    sandbox.set({ faults: {} });
    expect((await engine.run(withAmount(1))).rows).toMatchObject({ unchanged: 0 });
    expect(sandbox.deal('2').properties).toMatchObject({ amount: '1' });
  });

  test('a dry run renders every request and sends none', async () => {
    const sql = `${deals(1, 10)} union all select '..', json_object('amount', 1)`;
    const rehearsed = planOf({ steps: [query(sql), loop({ tolerate: { rows: 1 } })] });
    const limits = [
      { requests: 5, perMs: 60_000, paths: ['/crm/v3/objects/*/*'] },
      { requests: 1, perMs: 60_000, paths: ['/crm/v3/objects/*/search'] },
    ];
    rehearsed.connections.api = { ...rehearsed.connections.api, limits } as HttpConnectionPlan;
    const result = await engine.run(rehearsed, { dryRun: true });
    expect(sandbox.state().deals).toMatchObject({ received: 0 });
    expect(result.dry_run).toMatchObject({
      rows: 10,
      requests: 10,
      estimated_ms: 60_000,
      refused: [{ step: 'each', row: 11, code: 'ROW_VALUE_IN_PATH' }],
    });
    expect(result.rows).toMatchObject({ read: 11, delivered: 0, rejected: 1, not_attempted: 10 });
    const kept = await engine.store.countLoop({ runId: result.run_id, path: 'each' });
    expect(kept.rows).toMatchObject({ delivered: 0, not_attempted: 11 });
    expect(result.dry_run?.samples[0]).toMatchObject({ method: 'PATCH', body: '{"properties":{"amount":1}}' });
    expect(JSON.stringify(result)).not.toContain('secret-token');
  });

  test('a rule may skip, and its reason is kept', async () => {
    const rules = [{ when: 'status == 404', then: 'skip', because: 'the deal does not exist', forMs: null } as const];
    const skipping = action({ requests: [request({ rules: [...rules] })] });
    const result = await engine.run(planOf({ steps: [query(deals(500, 501)), loop()], actions: [skipping] }));
    expect(result).toMatchObject({ status: 'succeeded', rows: { delivered: 1, skipped: 1 } });
    const [record] = await engine.store.readRecords({ runId: result.run_id, path: 'each' }, {});
    expect(record).toMatchObject({ outcome: 'skipped', message: 'the deal does not exist' });
  });

  test('a value that cannot be part of a URL rejects its row only', async () => {
    const sql = `${deals(1, 2)} union all select '..', json_object('amount', 1)`;
    const result = await engine.outcome(planOf({ steps: [query(sql), loop()] }));
    expect(result.rows).toMatchObject({ delivered: 2, rejected: 1 });
  });

  test('rows that fail now and then are tried again; poison rows fail after their tries', async () => {
    sandbox.set({ faults: { by: 'row', rates: { '500': 0.2 }, script: [{ fault: '500', ids: ['7'] }] } });
    const patient = action({ retry: { attempts: 8, initialMs: 5, maxMs: 20 } });
    const result = await engine.outcome(planOf({ steps: [query(deals(1, 100)), loop()], actions: [patient] }));
    expect(result.rows).toMatchObject({ read: 100, delivered: 99, failed: 1 });
    const [record] = await engine.store.readRecords({ runId: result.run_id, path: 'each' }, {});
    expect(record).toMatchObject({ row: 6, outcome: 'failed', code: 'HTTP_500', attempts: 8 });
    sandbox.set({ faults: {} });
  });

  test('no answer to a request that is not safe to repeat: unknown, and sent once', async () => {
    sandbox.set({ faults: { script: [{ fault: 'reset_after', ids: ['4'] }] } });
    const risky = action({ requests: [request({ idempotent: false })] });
    const result = await engine.outcome(planOf({ steps: [query(deals(1, 10)), loop()], actions: [risky] }));
    expect(result.rows).toMatchObject({ delivered: 9, unknown: 1 });
    expect(sandbox.deal('4')).toMatchObject({ received: 1, applied: 1 });
    sandbox.set({ faults: {} });
  });

  test('a wrong token stops the loop: one row failed, the rest not attempted', async () => {
    sandbox.set({ faults: { script: [{ fault: '401' }] } });
    const result = await engine.outcome(planOf({ steps: [query(deals(1, 50)), loop({ maxInFlight: 1 })] }));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'AUTH_401' } });
    expect(result.rows).toMatchObject({ failed: 1, not_attempted: 49 });
    sandbox.set({ faults: {} });
  });

  test('a cancel stops between requests and leaves honest counts', async () => {
    sandbox.set({ latency: { minMs: 300, maxMs: 300 } });
    const runId = await engine.start(planOf({ steps: [query(deals(1, 500)), loop({ maxInFlight: 2 })] }));
    while (sandbox.state().deals.applied < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.client.workflow.getHandle(runId).cancel();
    await expect(engine.result(runId)).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    const { rows } = await engine.store.countLoop({ runId, path: 'each' });
    const { applied } = sandbox.state().deals;
    // What was in flight was let settle: nothing is in doubt.
    expect(rows).toMatchObject({ delivered: applied, unknown: 0 });
    expect(rows.not_attempted).toBe(500 - applied);
    expect(await engine.store.getRun(runId)).toMatchObject({ status: 'cancelled' });
    sandbox.set({ latency: { minMs: 0, maxMs: 0 } });
  });

  // A run's history of 2,000 events makes its loop carry on as new, and Temporal passes no cancel on to the new one.
  test('a cancel is not lost where the loop was about to carry on as new', async () => {
    sandbox.set({ latency: { minMs: 100, maxMs: 100 } });
    const runId = await engine.start(planOf({ steps: [query(deals(1, 500)), loop({ maxInFlight: 1 })] }));
    while (sandbox.state().deals.applied < 1) await new Promise((resolve) => setTimeout(resolve, 20));
    const child = engine.client.workflow.getHandle(`${runId}/each`);
    for (let sent = 0; sent < 2_100; sent += 100)
      await Promise.all(Array.from({ length: 100 }, () => child.signal('an event')));
    await engine.client.workflow.getHandle(runId).cancel();
    await expect(engine.result(runId)).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    const { rows } = await engine.store.countLoop({ runId, path: 'each' });
    expect(rows).toMatchObject({ delivered: sandbox.state().deals.applied, unknown: 0 });
    const { historyLength, raw } = await child.describe();
    expect(historyLength).toBeGreaterThan(2_000);
    expect(raw.workflowExecutionInfo?.execution?.runId).toBe(raw.workflowExecutionInfo?.firstRunId);
    sandbox.set({ latency: { minMs: 0, maxMs: 0 } });
  });

  test('an operator who pauses the activity pauses the loop, which goes on where it was', async () => {
    sandbox.set({ latency: { minMs: 20, maxMs: 20 } });
    const runId = await engine.start(planOf({ steps: [query(deals(1, 500)), loop({ maxInFlight: 2 })] }));
    while (sandbox.state().deals.applied < 10) await new Promise((resolve) => setTimeout(resolve, 20));
    const activity = {
      namespace: engine.client.options.namespace,
      execution: { workflowId: `${runId}/each` },
      id: 'each/chunk-0',
    };
    await engine.client.workflowService.pauseActivity(activity);
    const child = engine.client.workflow.getHandle(`${runId}/each`);
    const paused = proto.temporal.api.enums.v1.PendingActivityState.PENDING_ACTIVITY_STATE_PAUSED;
    for (;;) {
      const { raw, status } = await child.describe();
      if (raw.pendingActivities?.[0]?.state === paused) break;
      if (status.name !== 'RUNNING') throw new Error('the loop went on to its end');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const { applied } = sandbox.state().deals;
    expect((await engine.store.countLoop({ runId, path: 'each' })).rows).toMatchObject({ delivered: applied });
    expect(applied).toBeLessThan(500);
    await engine.client.workflowService.unpauseActivity(activity);
    expect((await engine.result(runId)).rows).toMatchObject({ delivered: 500 });
    expect(sandbox.state().deals).toMatchObject({ received: 500 });
    sandbox.set({ latency: { minMs: 0, maxMs: 0 } });
  });

  test('an API that stays away for all of the step’s timeout is what is told', async () => {
    sandbox.set({ down: true });
    const result = await engine.outcome(planOf({ steps: [query(deals(1, 50)), loop({ timeoutMs: 4_000 })] }));
    sandbox.set({ down: false });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'REMOTE_OUTAGE', step: 'each' } });
    expect(result.error?.message).toMatch(/^The destination was out of reach for \ds: .+/);
    expect(result.rows).toMatchObject({ read: 50, delivered: 0, rejected: 0 });
  });

  test('an API that is away pauses the loop, which goes on by itself when it is back', async () => {
    await sandbox.stop();
    const runId = await engine.start(planOf({ steps: [query(deals(1, 100)), loop()] }));
    const child = engine.client.workflow.getHandle(`${runId}/each`);
    let paused = false;
    while (!paused) {
      await new Promise((resolve) => setTimeout(resolve, 100));
      const { events } = await child.fetchHistory().catch(() => ({ events: [] }));
      paused = (events ?? []).some((event) => event.timerStartedEventAttributes);
    }
    await sandbox.start();
    const result = await engine.result(runId);
    expect(result).toMatchObject({ status: 'succeeded', rows: { read: 100, delivered: 100 } });
  });
});
