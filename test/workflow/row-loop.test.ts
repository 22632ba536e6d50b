/** Loops whose body is walked row by row as workflow steps. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { BranchPlan, LoopStep, Plan, RiverPlan, SqlText, StepPlan } from '../../src/contracts/plan.ts';
import type { RunResult } from '../../src/contracts/run.ts';
import { decode, type Row } from '../../src/core/values.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { loop, type PlanParts, plan, query } from '../helpers/plans.ts';

const BASE = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;
/** In every row; must never be seen in Temporal. */
const MARKER = 'row-value-that-stays-away';
const SINGLE = { multiple: false, initial: null, persist: false };
const MULTIPLE = { multiple: true, initial: null, persist: false };

const rows = (from: number, to: number) =>
  `select id::varchar as deal_id, '${MARKER}-' || id as properties from range(${from}, ${to + 1}) t(id) order by id`;

function script(id: string, sql: SqlText, change: Partial<StepPlan> = {}): StepPlan {
  return { ...BASE, id, type: 'sql', connection: 'warehouse', sql, script: true, target: null, ...change } as StepPlan;
}

function into(id: string, sql: SqlText, variable: string, multiple = false): StepPlan {
  return {
    ...BASE,
    id,
    type: 'sql',
    connection: 'warehouse',
    sql,
    script: false,
    target: { kind: 'variable', variable, multiple },
  };
}

function condition(id: string, branches: Partial<BranchPlan>[]): StepPlan {
  const full = branches.map((branch): BranchPlan => ({ if: null, then: 'steps', message: null, steps: [], ...branch }));
  return { ...BASE, id, type: 'condition', branches: full };
}

function program(id: string, body: string, change: Partial<StepPlan> = {}): StepPlan {
  return { ...BASE, id, type: 'script', run: ['node', '-e', body], inputs: {}, outputs: {}, ...change } as StepPlan;
}

const rowByRow = (steps: StepPlan[], change: Partial<LoopStep> = {}) =>
  loop({ mode: 'steps', steps, maxInFlight: 5, ...change });
const CREATE = script('create', ['create or replace table got (deal_id varchar, properties varchar, n bigint)']);
const INSERT = script('insert', [
  'insert into got values (',
  { bind: ['deal_id'] },
  ', ',
  { bind: ['properties'] },
  ', ',
  { bind: ['row', 'number'] },
  ')',
]);
const ALL = into(
  'all',
  ["select string_agg(deal_id || '=' || properties || '#' || n, ' ' order by n) from got"],
  'got',
);

/** Payloads are base64 in a history's JSON. */
function readable(key: string, value: unknown): unknown {
  return key === 'data' && typeof value === 'string' ? Buffer.from(value, 'base64').toString() : value;
}

describe('a loop walked row by row', () => {
  let engine: Engine;
  let sandbox: Sandbox;
  beforeAll(async () => {
    engine = await startEngine({ TOKEN: 'secret-token' });
    sandbox = await startSandbox({ deals: 100, limits: null });
  });
  afterAll(async () => {
    await engine[Symbol.asyncDispose]();
    await sandbox[Symbol.asyncDispose]();
  });
  beforeEach(() => sandbox.reset());

  const planOf = (steps: StepPlan[], { river, ...parts }: Partial<PlanParts> = {}): Plan =>
    plan({
      url: sandbox.url,
      steps,
      river: { variables: { deals: MULTIPLE, inner: MULTIPLE, got: SINGLE, own: SINGLE }, ...river },
      ...parts,
    });
  /** Whether a text is in any history of a run: its own, its loops', those of what it called. */
  const inHistories = async (runId: string, text: string): Promise<boolean> => {
    const found: boolean[] = [];
    for await (const { workflowId, runId: one } of engine.client.workflow.list({
      query: `WorkflowId STARTS_WITH "${runId}"`,
    })) {
      const { events } = await engine.client.workflow.getHandle(workflowId, one).fetchHistory();
      found.push(JSON.stringify(events, readable).includes(text));
    }
    return found.includes(true);
  };
  const recordsOf = ({ run_id }: RunResult) => engine.store.readRecords({ runId: run_id, path: 'each' }, {});

  test('sql for each row, with its iterators bound; no value of a row is in any history', async () => {
    const result = await engine.run(planOf([CREATE, query(rows(1, 12)), rowByRow([INSERT])]));
    expect(result).toMatchObject({ status: 'succeeded', rows: { read: 12, delivered: 12, not_attempted: 0 } });
    const check = await engine.run(planOf([ALL]));
    const expected = Array.from({ length: 12 }, (_, index) => `${index + 1}=${MARKER}-${index + 1}#${index + 1}`);
    expect(check.outputs?.got).toBe(expected.join(' '));
    // In the payloads, or what follows could not fail.
    expect(await inHistories(result.run_id, '"row":11,"iterators":[{"name":"deal_id"'.replaceAll('"', '\\"'))).toBe(
      true,
    );
    expect(await inHistories(result.run_id, `${MARKER}-1`)).toBe(false);
  });

  test('an inner loop over rows that each outer row selects, sent by an action', async () => {
    const select = into(
      'select',
      [
        `select (`,
        { bind: ['deal_id'] },
        `::int * 10 + id)::varchar, json_object('amount', id, 'x', `,
        { bind: ['properties'] },
        `) from range(3) t(id)`,
      ],
      'inner',
      true,
    );
    const iterators = [
      { name: 'inner_id', position: 0 },
      { name: 'inner_properties', position: 1 },
    ];
    const send: StepPlan = {
      ...BASE,
      id: 'send',
      type: 'action',
      action: 'update',
      inputs: { deal_id: '{inner_id}', properties: { amount: '{inner_properties.amount}', dealname: '{deal_id}' } },
      outputs: {},
    };
    // The outer iterator reaches the inner stream of rows.
    const stream = loop({ id: 'stream', over: 'inner', iterators, steps: [send] });
    const result = await engine.run(planOf([query(rows(1, 4)), rowByRow([select, stream])]));
    expect(result).toMatchObject({ status: 'succeeded', rows: { read: 4, delivered: 4 } });
    expect(result.steps.at(-1)).toMatchObject({ id: 'each', requests: 12 });
    expect(sandbox.state().deals).toMatchObject({ applied: 12 });
    expect(sandbox.deal('41')).toMatchObject({ properties: { amount: '1', dealname: '4' } });
    expect(await engine.store.getRowset(`${result.run_id}/each/row-4/select`)).toMatchObject({ rows: 3 });
    expect(await inHistories(result.run_id, `${MARKER}-1`)).toBe(false);
  });

  test('an action for each row: what the API refuses is rejected with all that is known of it', async () => {
    const { steps } = loop();
    const sql = `select id::varchar as deal_id, json_object('amount', id) as properties from range(99, 103) t(id)`;
    const result = await engine.outcome(
      planOf([
        query(sql),
        rowByRow([program('py', ''), ...steps], {
          tolerate: { rows: 2 },
          results: { kind: 'variable', variable: 'inner' },
        }),
      ]),
    );
    expect(result).toMatchObject({ status: 'partial', rows: { read: 4, delivered: 2, rejected: 2 } });
    expect(result.steps.at(-1)).toMatchObject({ requests: 4 });
    const [record] = await recordsOf(result);
    expect(record).toMatchObject({ row: 2, outcome: 'rejected', code: 'HTTP_404', httpStatus: 404, attempts: 1 });
    const { rows: written } = await engine.store.readChunk(`${result.run_id}/each/results`, 0);
    expect(written.map((row) => (decode(row) as Row).slice(0, 3))).toEqual([
      [1, 'delivered', 200],
      [2, 'delivered', 200],
      [3, 'rejected', 404],
      [4, 'rejected', 404],
    ]);
  });

  test('a river for each row, with the row in its inputs and its values in the row', async () => {
    const child: RiverPlan = {
      ...{ name: 'double', description: null, timeoutMs: null, overlap: 'allow' },
      inputs: { n: { type: 'integer', required: true, default: null } },
      variables: { twice: SINGLE },
      steps: [into('twice', ['select ', { bind: ['n'] }, '::int * 2'], 'twice')],
    };
    const callIt: StepPlan = {
      ...BASE,
      id: 'call',
      type: 'river',
      river: 'double',
      inputs: { n: '{deal_id}' },
      outputs: { twice: 'own' },
      wait: true,
    };
    const keep = script('keep', ['insert into got values (', { bind: ['deal_id'] }, ", 'x', ", { bind: ['own'] }, ')']);
    const made = planOf([CREATE, query(rows(1, 5)), rowByRow([callIt, keep]), ALL]);
    const result = await engine.run({ ...made, rivers: { ...made.rivers, double: child } });
    // Each row has its own value of the variable, and the river keeps what it had.
    expect(result.outputs).toMatchObject({ got: '1=x#2 2=x#4 3=x#6 4=x#8 5=x#10', own: null });
    expect(await engine.store.getRun(`${result.run_id}/each/row-5/call`)).toMatchObject({
      status: 'succeeded',
      inputs: { n: 5 },
    });
  });

  test('conditions on iterators: a row is refused, left out, or goes on', async () => {
    const gate = condition('gate', [
      { if: "deal_id == '2'", then: 'fail', message: 'no {properties} for {river.name}' },
      { if: "deal_id == '3'", then: 'skip' },
      { if: 'row.number > 3', steps: [INSERT] },
      { steps: [script('other', ["insert into got values ('other', '', 1)"])] },
    ]);
    const result = await engine.run(
      planOf([CREATE, query(rows(1, 4)), rowByRow([gate], { tolerate: { rows: 1 } }), ALL]),
    );
    expect(result).toMatchObject({ status: 'partial', rows: { read: 4, delivered: 2, skipped: 1, rejected: 1 } });
    expect(result.outputs?.got).toBe(`other=#1 4=${MARKER}-4#4`);
    const [refused, skipped] = await recordsOf(result);
    expect(refused).toMatchObject({
      row: 1,
      outcome: 'rejected',
      code: 'ROW_CONDITION',
      message: `no ${MARKER}-2 for deals`,
    });
    expect(skipped).toMatchObject({ row: 2, outcome: 'skipped' });
    expect(await inHistories(result.run_id, `${MARKER}-2`)).toBe(false);
  });

  test('a row that fails is counted, the others go on; `stop_after` ends the loop', async () => {
    const fail = program('py', 'process.stdin.on("data", (d) => process.exit(JSON.parse(d).id % 2))', {
      inputs: { id: '{deal_id}' },
    } as never);
    const failed = await engine.outcome(planOf([query(rows(1, 6)), rowByRow([fail])]));
    expect(failed).toMatchObject({
      status: 'failed',
      error: { code: 'ROW_TOLERANCE' },
      rows: { read: 6, delivered: 3, failed: 3 },
    });
    expect((await recordsOf(failed)).map(({ row, code }) => [row, code])).toEqual([
      [0, 'RIVER_SCRIPT_FAILED'],
      [2, 'RIVER_SCRIPT_FAILED'],
      [4, 'RIVER_SCRIPT_FAILED'],
    ]);
    const stopped = await engine.outcome(
      planOf([query(rows(1, 9)), rowByRow([fail], { maxInFlight: 1, stopAfter: { rows: 2 } })]),
    );
    expect(stopped).toMatchObject({
      status: 'failed',
      error: { code: 'ROW_STOP_AFTER' },
      rows: { read: 9, delivered: 1, failed: 2, not_attempted: 6 },
    });
  });

  test('an error that quotes the row does not take it to Temporal', async () => {
    const cast = script('cast', ['select cast(', { bind: ['properties'] }, ' as integer)']);
    const blabs = program('blabs', `console.error('no ' + '${MARKER}' + '-1'); process.exit(1)`);
    for (const step of [cast, blabs]) {
      const result = await engine.outcome(planOf([query(rows(1, 1)), rowByRow([step])]));
      const [record] = await recordsOf(result);
      expect(record).toMatchObject({ outcome: 'failed', message: expect.stringContaining('{properties}') });
      expect(await inHistories(result.run_id, `${MARKER}-1`)).toBe(false);
    }
  });

  test('`on_error: continue` goes on with the row, which did not end well; `then: stop` ends the river', async () => {
    const broken = script('broken', ['select * from no_such_table'], {
      onError: 'continue',
      retry: { attempts: 1, initialMs: 1, maxMs: 1 },
    });
    const result = await engine.run(
      planOf([CREATE, query(rows(1, 2)), rowByRow([broken, INSERT], { tolerate: { rows: 2 } }), ALL]),
    );
    expect(result).toMatchObject({ status: 'partial', rows: { failed: 2 } });
    expect(String(result.outputs?.got).split(' ')).toHaveLength(2);
    const stop = condition('stop', [{ if: "deal_id == '3'", then: 'stop' }]);
    const ended = await engine.run(
      planOf([CREATE, query(rows(1, 9)), rowByRow([INSERT, stop], { maxInFlight: 1 }), ALL]),
    );
    expect(ended).toMatchObject({
      status: 'succeeded',
      rows: { read: 9, delivered: 3, not_attempted: 6 },
      outputs: { got: null },
    });
  });

  test('one at a time is in order, and carries on as new before its history is long', async () => {
    const log = script('log', ['insert into got select ', { bind: ['deal_id'] }, ", '', count(*) + 1 from got"]);
    const many = Array.from({ length: 60 }, (_, index) =>
      condition(`c${index}`, [{ if: "deal_id == ''", then: 'skip' }]),
    );
    const wide: StepPlan = { ...BASE, id: 'wide', type: 'parallel', steps: many };
    const result = await engine.run(
      planOf([CREATE, query(rows(1, 14)), rowByRow([log, wide], { maxInFlight: 1 }), ALL]),
    );
    expect(result.rows).toMatchObject({ read: 14, delivered: 14 });
    expect(result.outputs?.got).toBe(Array.from({ length: 14 }, (_, index) => `${index + 1}=#${index + 1}`).join(' '));
    const id = `${result.run_id}/each`;
    const { raw } = await engine.client.workflow.getHandle(id).describe();
    const first = raw.workflowExecutionInfo?.firstRunId ?? '';
    expect(raw.workflowExecutionInfo?.execution?.runId).not.toBe(first);
    const { events } = await engine.client.workflow.getHandle(id, first).fetchHistory();
    expect(events?.length).toBeGreaterThan(2_000);
    expect(events?.length).toBeLessThan(4_000);
  });

  test('rows that meet an outage wait for it together: one of them probes', async () => {
    await sandbox.stop();
    const sql = `select id::varchar as deal_id, json_object('amount', id) as properties from range(1, 21) t(id)`;
    const runId = await engine.start(planOf([query(sql), rowByRow(loop().steps, { maxInFlight: 20 })]));
    const child = engine.client.workflow.getHandle(`${runId}/each`);
    const attempts = async () => {
      const counts = new Map<string, number>();
      const { events } = await child.fetchHistory().catch(() => ({ events: [] }));
      for (const { activityTaskScheduledEventAttributes: scheduled } of events ?? []) {
        if (scheduled?.activityType?.name !== 'sendRows') continue;
        counts.set(scheduled.activityId ?? '', (counts.get(scheduled.activityId ?? '') ?? 0) + 1);
      }
      return [...counts.values()].sort((a, b) => b - a);
    };
    let made: number[] = [];
    while (made.length < 20 || (made[0] ?? 0) < 4) {
      await sleep(100);
      made = await attempts();
    }
    expect(made.slice(1)).toEqual(Array.from({ length: 19 }, () => 1));
    await sandbox.start();
    expect(await engine.result(runId)).toMatchObject({ status: 'succeeded', rows: { delivered: 20 } });
    expect((await attempts()).slice(1)).toEqual(Array.from({ length: 19 }, () => 2));
  });

  test('keys are checked, and unchanged rows are left out', async () => {
    const step = rowByRow([INSERT], { id: 'changes', key: ['deal_id'], send: 'changed', tolerate: { rows: 9 } });
    const sql = `${rows(1, 4).replace(' order by id', '')} union all select '4', 'twice' union all select null, 'none'`;
    const first = await engine.run(planOf([CREATE, query(sql), step]));
    expect(first.rows).toMatchObject({ read: 6, delivered: 3, rejected: 3 });
    const changed = rows(1, 4)
      .replace(' order by id', '')
      .replace(`'${MARKER}-' || id`, `if(id = 2, 'new', '${MARKER}-' || id)`);
    const second = await engine.run(planOf([CREATE, query(changed), step]));
    expect(second.rows).toMatchObject({ read: 4, delivered: 2, unchanged: 2 });
  });

  test('a dry run sends nothing and keeps no outcome', async () => {
    const sql = `select id::varchar as deal_id, json_object('amount', id) as properties from range(1, 8) t(id)`;
    const result = await engine.run(planOf([query(sql), rowByRow([program('py', ''), ...loop().steps])]), {
      dryRun: true,
    });
    expect(result).toMatchObject({
      status: 'succeeded',
      dry_run: { rows: 7, requests: 7 },
      rows: { read: 7, delivered: 0, not_attempted: 7 },
    });
    expect(sandbox.state().deals).toMatchObject({ received: 0 });
  });

  test('a retry walks the rows that went wrong, with all that is in them', async () => {
    const select = into('select', ['select ', { bind: ['deal_id'] }, ", json_object('amount', 1)"], 'inner', true);
    const stream = loop({
      id: 'stream',
      over: 'inner',
      iterators: [
        { name: 'inner_id', position: 0 },
        { name: 'inner_properties', position: 1 },
      ],
      steps: [{ ...loop().steps[0], inputs: { deal_id: '{inner_id}', properties: '{inner_properties}' } } as StepPlan],
    });
    const made = planOf([query(rows(99, 102)), rowByRow([select, stream])]);
    const failed = await engine.outcome(made);
    expect(failed).toMatchObject({ rows: { delivered: 2, failed: 2 } });
    sandbox.seed({ first: 101, count: 2 });
    const again = await engine.run(made, { retryOf: { runId: failed.run_id, includeUnknown: false } });
    expect(again).toMatchObject({ status: 'succeeded', rows: { read: 2, delivered: 2 } });
  });

  test('a cancel ends the rows under way; the rest is not attempted, and the counts add up', async () => {
    const slow = program('slow', 'setTimeout(() => {}, 60000)');
    const runId = await engine.start(planOf([CREATE, query(rows(1, 9)), rowByRow([INSERT, slow], { maxInFlight: 3 })]));
    const child = engine.client.workflow.getHandle(`${runId}/each`);
    for (;;) {
      const { events } = await child.fetchHistory().catch(() => ({ events: [] }));
      const begun = (events ?? []).filter(
        (event) => event.activityTaskScheduledEventAttributes?.activityType?.name === 'runScript',
      );
      if (begun.length === 3) break;
      await sleep(50);
    }
    await engine.client.workflow.getHandle(runId).cancel();
    await expect(engine.result(runId)).rejects.toMatchObject({ cause: { name: 'CancelledFailure' } });
    const { rows: counts } = await engine.store.countLoop({ runId, path: 'each' });
    expect(counts).toMatchObject({ read: 9, unknown: 3, not_attempted: 6 });
    expect(await engine.store.getRun(runId)).toMatchObject({ status: 'cancelled' });
  });
});
