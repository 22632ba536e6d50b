/** A loop that someone else takes over: who lost it sends nothing more, and the run goes on all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { loop, plan, query } from '../helpers/plans.ts';

const SQL = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 501) t(id)`;

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
});
