/** Whatever an API does to requests and answers: every row ends as it should, and nothing crashes. */
import type { Outcome } from '../../src/core/outcomes.ts';
import { outcomeOf } from '../../src/core/outcomes.ts';
import { type FaultName, type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { action, loop, plan, query, request } from '../helpers/plans.ts';

const deals = (count: number) => `select id::varchar as deal_id, json_object('amount', id) as property_values
  from range(1, ${count + 1}) t(id)`;
const RETRY = { attempts: 8, initialMs: 5, maxMs: 50 };

describe('an API with faults', () => {
  let engine: Engine;
  let sandbox: Sandbox;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    sandbox = await startSandbox({ deals: 3_000, limits: null });
  });
  afterEach(() => sandbox[Symbol.asyncDispose]());

  const outcomes = async (runId: string) =>
    [...(await engine.store.readStates({ runId, path: 'each' }, 0))].map(outcomeOf);

  test('500s, resets after the work was done, 423s and a storm of 429s: all delivered, and sent twice only for a lost answer', async () => {
    const storm = { fault: '429', from: 1_000, to: 1_060 } as const;
    sandbox.set({
      faults: { rates: { '500': 0.02, reset_after: 0.01, '423': 0.01 }, script: [storm], retryAfterSeconds: 1 },
    });
    const steps = [query(deals(3_000)), loop()];
    const result = await engine.run(plan({ url: sandbox.url, steps, actions: [action({ retry: RETRY })] }));
    expect(result).toMatchObject({ status: 'succeeded', rows: { read: 3_000, delivered: 3_000 } });
    const { byFault, byStatus } = sandbox.state();
    expect(byFault).toMatchObject({ '500': expect.any(Number), '423': expect.any(Number), '429': expect.any(Number) });
    expect(byStatus['429']).toBeLessThanOrEqual(61);
    const each = Array.from({ length: 3_000 }, (_, index) => sandbox.deal(String(index + 1)));
    expect(each.filter((deal) => !deal || deal.applied - deal.lost !== 1)).toEqual([]);
    expect(each.reduce((sum, deal) => sum + (deal?.applied ?? 0), 0)).toBe(3_000 + (byFault.reset_after ?? 0));
  });

  test('answers that are spoilt: each row ends, and the others with it', async () => {
    await using elsewhere = await startSandbox({ deals: 100, limits: null });
    const ends: [FaultName, Outcome, string | null][] = [
      ['truncated_json', 'delivered', null],
      ['slow_body', 'delivered', null],
      ['wrong_type', 'delivered', null],
      ['gzip', 'delivered', null],
      ['huge', 'delivered', null],
      ['cut_body', 'failed', 'LOST_'],
      ['hang_after', 'failed', 'LOST_TIMEOUT'],
      ['html', 'failed', 'REMOTE_WEB_PAGE'],
      ['redirect', 'rejected', 'HTTP_307'],
    ];
    sandbox.set({
      faults: {
        script: ends.map(([fault], index) => ({ fault, ids: [String(10 * (index + 1))] })),
        slowBodyMs: 300,
        redirectTo: elsewhere.url,
      },
    });
    const made = plan({
      url: sandbox.url,
      steps: [query(deals(100)), loop({ maxInFlight: 10 })],
      actions: [
        action({ retry: { ...RETRY, attempts: 2 }, requests: [request({ outputs: { at: 'body.updatedAt' } })] }),
      ],
    });
    const { api, warehouse } = made.connections;
    const connections = { warehouse, api: { ...api, timeoutMs: 1_000 } } as typeof made.connections;
    const result = await engine.outcome({ ...made, connections });
    const states = await outcomes(result.run_id);
    expect(ends.map(([fault], index) => [fault, states[10 * (index + 1) - 1]])).toEqual(
      ends.map(([fault, outcome]) => [fault, outcome]),
    );
    expect(result.rows).toMatchObject({ read: 100, delivered: 96, failed: 3, rejected: 1 });
    const records = await engine.store.readRecords({ runId: result.run_id, path: 'each' }, {});
    const codes = ends.flatMap(([, , code]) => (code === null ? [] : [expect.stringContaining(code)]));
    expect(records.map(({ code }) => code)).toEqual(codes);
    // Whoever a redirect points to is not shown the token.
    expect(elsewhere.state().requests).toBe(0);
  });

  test('line breaks in a row’s values do not get into its headers', async () => {
    const sql = `select id::varchar as deal_id, case when id = 3 then 'x' || chr(13) || chr(10) || 'X-Admin: 1' else 'x' end
      as properties from range(1, 6) t(id)`;
    const named = request({
      headers: { 'X-Note': '{properties}' },
      body: { kind: 'json', value: { properties: { amount: '1' } } },
    });
    const result = await engine.outcome(
      plan({ url: sandbox.url, steps: [query(sql), loop()], actions: [action({ requests: [named] })] }),
    );
    expect(result.rows).toMatchObject({ delivered: 4, rejected: 1 });
    expect(sandbox.deal('3')).toMatchObject({ received: 0 });
    expect(sandbox.log().some(({ headers }) => 'x-admin' in headers)).toBe(false);
  });

  test('many rows at the beginning that it always fails on: they fail, and hold nobody up', async () => {
    const poison = Array.from({ length: 30 }, (_, index) => String(index + 1));
    sandbox.set({ faults: { script: [{ fault: '500', ids: poison }] } });
    const result = await engine.outcome(plan({ url: sandbox.url, steps: [query(deals(1_000)), loop()] }));
    expect(result.rows).toMatchObject({ read: 1_000, delivered: 970, failed: 30 });
    expect((await outcomes(result.run_id)).slice(0, 31)).toEqual([...poison.map(() => 'failed'), 'delivered']);
  });
});
