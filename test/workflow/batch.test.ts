import type { Plan } from '../../src/contracts/plan.ts';
import type { RunResult } from '../../src/contracts/run.ts';
import { type BadRecords, type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { action, batchUpdate, loop, plan, query, type request } from '../helpers/plans.ts';

const ROWS = 10_000;
const BATCHES = ROWS / 100;
const SQL = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, ${ROWS + 1}) t(id)`;
/** Twenty deals that the API does not know, each in a batch of its own. */
const BAD = Array.from({ length: 20 }, (_, index) => String((index + 1) * 487));

const update = batchUpdate();

describe('rows in batches', () => {
  let engine: Engine;
  let sandbox: Sandbox;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
  });
  afterAll(() => engine[Symbol.asyncDispose]());
  beforeEach(async () => {
    sandbox = await startSandbox({ limits: null });
  });
  afterEach(() => sandbox[Symbol.asyncDispose]());

  const planOf = (change: Parameters<typeof request>[0] = {}, most = { rows: 100, bytes: 3_000_000 }): Plan => {
    const batched = action({ batch: most, requests: [{ ...update, ...change }] });
    return plan({ url: sandbox.url, steps: [query(SQL), loop({ maxInFlight: 4 })], actions: [batched] });
  };
  const seed = (without: readonly string[]) => {
    const bad = new Set(without);
    const ids = Array.from({ length: ROWS }, (_, index) => String(index + 1)).filter((id) => !bad.has(id));
    sandbox.seed({ deals: ids.map((id) => ({ id })) });
  };
  const recordsOf = ({ run_id }: RunResult) => engine.store.readRecords({ runId: run_id, path: 'each' }, {});

  test('a hundred rows ride in one request', async () => {
    seed([]);
    const result = await engine.run(planOf());
    expect(result).toMatchObject({ status: 'succeeded', rows: { read: ROWS, delivered: ROWS } });
    expect(result.steps[1]).toMatchObject({ requests: BATCHES });
  });

  test('a batch is cut by its bytes too', async () => {
    seed([]);
    const result = await engine.run(planOf({}, { rows: 100, bytes: 1_000 }));
    expect(result).toMatchObject({ status: 'succeeded', rows: { delivered: ROWS } });
    expect(result.steps[1]?.requests).toBeGreaterThan(ROWS / 30);
  });

  /** With the requests that they cost beyond one a batch. */
  const answers: [BadRecords, number][] = [
    // Two for each of the six to seven halvings of a hundred.
    ['whole-400', BAD.length * 14],
    ['207-ids', 0],
    // Sent again alone, once.
    ['207-blank-ids', BAD.length],
    ['207-missing', BAD.length],
    ['200-missing', BAD.length],
  ];
  test.each(answers)(
    'bad rows hidden in batches, answered by %s: only they do not get through, each named, for %s requests more',
    async (answer, extra) => {
      seed(BAD);
      sandbox.set({ badRecords: answer });
      const result = await engine.outcome(planOf());
      expect(result.status).toBe('failed');
      expect(result.rows).toMatchObject({ read: ROWS, delivered: ROWS - BAD.length });
      // Where no answer ever names the row nobody has refused it.
      const rejected = answer.endsWith('missing') ? 0 : BAD.length;
      expect(result.rows).toMatchObject({ rejected, failed: BAD.length - rejected });
      const records = await recordsOf(result);
      expect(records.map(({ row }) => String(row + 1))).toEqual(BAD);
      for (const record of records)
        expect(record).toMatchObject({ code: expect.stringMatching(/./), message: expect.stringMatching(/./) });
      expect(result.steps[1]?.requests).toBeLessThanOrEqual(BATCHES + extra);
    },
  );

  test('not safe to send again: a row that the answer does not account for is unknown, and went out once', async () => {
    seed(BAD);
    sandbox.set({ badRecords: '207-missing' });
    const result = await engine.outcome(planOf({ idempotent: false }));
    expect(result.rows).toMatchObject({ delivered: ROWS - BAD.length, unknown: BAD.length });
    expect(result.steps[1]).toMatchObject({ requests: BATCHES });
  });

  test('rows of the same name never ride together, and go out in order', async () => {
    seed([]);
    sandbox.set({ badRecords: '207-ids' });
    const twice = `select '7' as deal_id, json_object('amount', id) as property_values from range(1, 6) t(id)`;
    const made = planOf();
    const result = await engine.run({
      ...made,
      rivers: {
        deals: {
          ...(made.rivers.deals as never as Plan['rivers'][string]),
          steps: [query(twice), loop({ maxInFlight: 4 })],
        },
      },
    });
    expect(result).toMatchObject({ status: 'succeeded', rows: { delivered: 5 } });
    expect(sandbox.deal('7')).toMatchObject({ applied: 5, properties: { amount: '5' } });
  });

  test('a mapping that fails accounts for nothing', async () => {
    seed([]);
    const rows = { id: '{deal_id}', delivered: "body.results.map(r, int(r.id + 'x'))", rejected: null };
    const result = await engine.outcome(planOf({ rows, idempotent: false }));
    expect(result.rows).toMatchObject({ delivered: 0, unknown: ROWS });
  });
});
