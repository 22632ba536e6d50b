import { startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { loop, plan, query } from '../helpers/plans.ts';

const SQL = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 501) t(id)`;

describe('a loop over rows', () => {
  let engine: Engine;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
  });
  afterAll(() => engine[Symbol.asyncDispose]());

  test('delivers every row and counts them', async () => {
    await using sandbox = await startSandbox({ deals: 500, limits: null });
    const result = await engine.run(plan({ url: sandbox.url, steps: [query(SQL), loop()] }));
    expect(result).toMatchObject({ status: 'succeeded', error: null });
    expect(result.rows).toMatchObject({ read: 500, delivered: 500, not_attempted: 0 });
    expect(sandbox.state().deals).toMatchObject({ received: 500, applied: 500 });
  });
});
