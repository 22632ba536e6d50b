/** A loop that someone else takes over: who lost it sends nothing more, and the run goes on all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startSandbox } from '../../src/sandbox/index.ts';
import { cancelRun, isCancelRequested } from '../../src/temporal/client.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { action, loop, plan, query, request } from '../helpers/plans.ts';

const SQL = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 501) t(id)`;
const BASE = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;
const SQL_OF_20 = SQL.replace('501', '21');

describe('a loop that is taken over', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  // A process that was stopped before it claimed the loop does so when it wakes, although its attempt is long over.
  test('is claimed again by its own attempt, and loses no row', async () => {
    await using sandbox = await startSandbox({ deals: 500, limits: null, latency: { minMs: 20, maxMs: 20 } });
    const runId = await engine.start(plan({ url: sandbox.url, steps: [query(SQL), loop({ maxInFlight: 5 })] }));
    while (sandbox.state().deals.received < 50) await sleep(5);
    const { epoch } = await engine.store.claimLoop({ runId, path: 'each' });
    const result = await engine.result(runId);
    expect(result).toMatchObject({ status: 'succeeded', error: null });
    expect(result.rows).toMatchObject({ read: 500, delivered: 500, not_attempted: 0 });
    expect((await engine.store.getLoop({ runId, path: 'each' }))?.epoch).toBeGreaterThan(epoch);
  });

  // The same process, when its run was cancelled meanwhile.
  test('is claimed by nobody once its run was cancelled', async () => {
    await using sandbox = await startSandbox({ deals: 500, limits: null, latency: { minMs: 20, maxMs: 20 } });
    const runId = await engine.start(plan({ url: sandbox.url, steps: [query(SQL), loop({ maxInFlight: 5 })] }));
    while (sandbox.state().deals.received < 50) await sleep(5);
    await cancelRun(engine.client, runId);
    await expect(engine.result(runId)).rejects.toThrow();
    const key = { runId, path: 'each' };
    await expect(engine.store.claimLoop(key)).rejects.toMatchObject({ code: 'STATE_LOOP_ENDED' });
    const { rows, inDoubt } = await engine.store.countLoop(key);
    expect({ inDoubt, sent: rows.delivered + rows.unknown }).toEqual({
      inDoubt: 0,
      sent: sandbox.state().deals.received,
    });
    expect(rows.not_attempted).toBe(500 - rows.delivered - rows.unknown);
  });

  test('is claimed by nobody once a row stopped it, nor are the loops of a run that is over', async () => {
    await using sandbox = await startSandbox({ deals: 20, limits: null });
    const refused = action({
      requests: [request({ rules: [{ when: 'status == 404', then: 'stop', because: null, forMs: null }] })],
    });
    const sql = `select case when id = 11 then 'stranger' else id::varchar end as deal_id,
      json_object('amount', id) as property_values from range(1, 21) t(id)`;
    const steps = [query(sql), loop({ maxInFlight: 1 })];
    const { run_id: runId, rows } = await engine.outcome(plan({ url: sandbox.url, steps, actions: [refused] }));
    expect(rows).toMatchObject({ delivered: 10, failed: 1, not_attempted: 9 });
    expect(await engine.store.getLoop({ runId, path: 'each' })).toMatchObject({
      closed: expect.stringContaining('"reason":"rule"'),
    });
    const { run_id: whole } = await engine.run(plan({ url: sandbox.url, steps: [query(SQL_OF_20), loop()] }));
    await expect(engine.store.claimLoop({ runId: whole, path: 'each' })).rejects.toMatchObject({
      code: 'STATE_LOOP_ENDED',
    });
  });

  // Last, for nobody works after it.
  test('is not gone on with while the run above is asked to stop, though its workflow has not heard of it', async () => {
    await using sandbox = await startSandbox({ deals: 20, limits: null });
    const called = plan({ url: sandbox.url, steps: [query(SQL_OF_20), loop()], river: { name: 'called' } });
    const call = { ...BASE, id: 'call', type: 'river', river: 'called', inputs: {}, outputs: {}, wait: true } as const;
    const caller = plan({ url: sandbox.url, steps: [call], river: { name: 'caller' } });
    await sandbox.stop();
    const runId = await engine.start({ ...caller, rivers: { ...caller.rivers, ...called.rivers } });
    const id = `${runId}/call/each`;
    for (let waits = false; !waits; await sleep(20)) {
      const { events } = await engine.client.workflow
        .getHandle(id)
        .fetchHistory()
        .catch(() => ({ events: [] }));
      waits = (events ?? []).some((event) => event.timerStartedEventAttributes);
    }
    expect(await isCancelRequested(engine.client, id)).toBe(false);
    await engine.stopWorker();
    await cancelRun(engine.client, runId);
    expect(await isCancelRequested(engine.client, id)).toBe(true);
    expect(await isCancelRequested(engine.client, 'nobody')).toBe(false);
  });
});
