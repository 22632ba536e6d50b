import { access, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import {
  type ConditionStep,
  type Json,
  type Plan,
  PLAN_VERSION,
  type RiverPlan,
  type StepPlan,
} from '../../src/contracts/plan.ts';
import type { RunResult } from '../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Engine, startEngine } from '../helpers/engine.ts';
import { action, loop, type PlanParts, plan, query, request } from '../helpers/plans.ts';

const BASE = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;
const single = { multiple: false, initial: null, persist: false };
const ROWS = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 11) t(id)`;

function value(
  id: string,
  sql: StepPlan & { type: 'sql' } extends { sql: infer S } ? S : never,
  variable: string,
): StepPlan {
  const target = { kind: 'variable', variable, multiple: false } as const;
  return { ...BASE, id, type: 'sql', connection: 'warehouse', sql, script: false, target };
}

function condition(id: string, branches: Partial<ConditionStep['branches'][number]>[]): StepPlan {
  const full = branches.map((branch) => ({ if: null, then: 'steps', message: null, steps: [], ...branch }) as const);
  return { ...BASE, id, type: 'condition', branches: full as ConditionStep['branches'] };
}

function script(id: string, body: string, change: Partial<StepPlan & { type: 'script' }> = {}): StepPlan {
  return { ...BASE, id, type: 'script', run: ['node', '-e', body], inputs: {}, outputs: {}, ...change };
}

const FAILING = value('broken', ['select * from no_such_table'], 'a');

describe('a logic river', () => {
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

  const planOf = (steps: StepPlan[], parts: Partial<PlanParts> = {}): Plan =>
    plan({ url: sandbox.url, steps, ...parts });
  const withVariables = (names: string[], change: Partial<RiverPlan> = {}): Partial<RiverPlan> => ({
    variables: {
      deals: { multiple: true, initial: null, persist: false },
      ...Object.fromEntries(names.map((name) => [name, single])),
    },
    ...change,
  });
  const statuses = ({ steps }: RunResult) => Object.fromEntries(steps.map(({ id, status }) => [id, status]));

  test('a bound value keeps its type, a big number every digit', async () => {
    const river = withVariables(['n', 'm'], { inputs: { day: { type: 'string', required: true, default: null } } });
    const steps = [
      value('big', ['select 12345678901234567890::hugeint'], 'n'),
      value('echo', ['select ', { bind: ['n'] }, " || '/' || ", { bind: ['day'] }], 'm'),
    ];
    const day = "2026-01-01'; drop table x; --";
    const result = await engine.run(planOf(steps, { river }), { inputs: { day } });
    expect(result.outputs?.m).toBe(`12345678901234567890/${day}`);
  });

  test('conditions choose, skip a container, stop the river', async () => {
    const river = withVariables(['n', 'a', 'b', 'c']);
    const steps: StepPlan[] = [
      query(ROWS),
      value('n', ['select 7'], 'n'),
      condition('choose', [
        { if: 'n > 10 || rows(deals) == 0', steps: [value('wrong', ["select 'x'"], 'a')] },
        { if: 'n == 7 && rows(deals) == 10', steps: [value('right', ["select 'y'"], 'a')] },
      ]),
      {
        ...BASE,
        id: 'box',
        type: 'sequence',
        steps: [condition('leave', [{ then: 'skip' }]), value('never', ["select 'x'"], 'b')],
      },
      condition('end', [{ if: "a == 'y'", then: 'stop' }]),
      value('after', ["select 'x'"], 'c'),
    ];
    const result = await engine.run(planOf(steps, { river }));
    expect(result).toMatchObject({ status: 'succeeded', outputs: { a: 'y', b: null, c: null } });
  });

  test('`then: fail` fails the river with the message', async () => {
    const steps = [
      query(ROWS),
      condition('guard', [{ if: 'rows(deals) < 100', then: 'fail', message: 'only {river.name}' }]),
    ];
    const result = await engine.outcome(planOf(steps));
    expect(result).toMatchObject({
      status: 'failed',
      error: { code: 'RIVER_CONDITION', message: 'only deals', step: 'guard' },
    });
  });

  test('a failing step fails the run and says where; `on_error: continue` goes on and ends partial', async () => {
    const river = withVariables(['a', 'b']);
    const after = value('after', ["select 'done'"], 'b');
    const failed = await engine.outcome(planOf([FAILING, after], { river }));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'RIVER_SQL_ERROR', step: 'broken' } });
    expect(statuses(failed)).toEqual({ broken: 'failed' });
    const partial = await engine.run(planOf([{ ...FAILING, onError: 'continue' }, after], { river }));
    expect(partial).toMatchObject({ status: 'partial', outputs: { b: 'done' } });
    expect(statuses(partial)).toEqual({ broken: 'failed', after: 'succeeded' });
  });

  test('parallel steps: the first failure cancels the others', async () => {
    const river = withVariables(['a', 'b']);
    const slow = script('slow', 'setTimeout(() => {}, 60000)');
    const both: StepPlan = { ...BASE, id: 'both', type: 'parallel', steps: [slow, FAILING] };
    const result = await engine.outcome(planOf([both], { river }));
    expect(result).toMatchObject({ status: 'failed', error: { step: 'broken' } });
    expect(statuses(result)).toMatchObject({ slow: 'cancelled', broken: 'failed', both: 'failed' });
  });

  test('a script gets JSON on stdin and gives JSON on stdout', async () => {
    const river = withVariables(['n', 'score']);
    const body = 'process.stdin.on("data", (d) => console.log(JSON.stringify({ score: JSON.parse(d).n * 2 })))';
    const steps = [
      value('n', ['select 21'], 'n'),
      script('py', body, { inputs: { n: '{n}' }, outputs: { score: 'score' } }),
    ];
    expect((await engine.run(planOf(steps, { river }))).outputs).toMatchObject({ score: 42 });
  });

  test('a script that fails says what it wrote to stderr, without secrets', async () => {
    const body = 'console.error("no such model", process.env.TOKEN); process.exit(3)';
    const result = await engine.outcome(planOf([script('py', body)]));
    expect(result.error).toMatchObject({ code: 'RIVER_SCRIPT_FAILED', step: 'py' });
    expect(result.error?.message).toMatch(/: no such model \[redacted\]$/);
  });

  test('an action step gives its outputs to variables', async () => {
    const get = request({ method: 'GET', path: undefined, body: null, outputs: { id: 'body.id' } } as never);
    const read = action({
      name: 'read',
      inputs: { deal_id: { required: true, default: null } },
      requests: [get],
      outputs: ['id'],
    });
    const step: StepPlan = {
      ...BASE,
      id: 'get',
      type: 'action',
      action: 'read',
      inputs: { deal_id: '42' },
      outputs: { id: 'found' },
    };
    const result = await engine.run(planOf([step], { actions: [read], river: withVariables(['found']) }));
    expect(result).toMatchObject({ status: 'succeeded', outputs: { found: '42' }, rows: { read: 0 } });
    // What an API echoes of a secret goes no further.
    const echo = { ...read, requests: [{ ...get, outputs: { id: "body.id + ' secret-token'" } }] };
    const echoed = await engine.run(planOf([step], { actions: [echo], river: withVariables(['found']) }));
    expect(echoed.outputs).toMatchObject({ found: expect.not.stringContaining('secret-token') });
    // Of a dry run nobody knows what the action puts out: who reads it decides nothing.
    const gate = condition('gate', [{ if: 'found == null', then: 'fail' }]);
    const rehearsed = await engine.run(planOf([step, gate], { actions: [read], river: withVariables(['found']) }), {
      dryRun: true,
    });
    expect(rehearsed).toMatchObject({
      status: 'succeeded',
      outputs: { found: null },
      dry_run: { rows: 0, requests: 1, undecided: ['gate'] },
    });
  });

  test('a river calls another, with inputs of its types, and gets its values', async () => {
    const child: RiverPlan = {
      name: 'load',
      description: null,
      inputs: { n: { type: 'integer', required: true, default: null } },
      variables: { twice: single },
      timeoutMs: null,
      overlap: 'skip',
      steps: [value('twice', ['select ', { bind: ['n'] }, ' * 2'], 'twice')],
    };
    const step: StepPlan = {
      ...BASE,
      id: 'call',
      type: 'river',
      river: 'load',
      inputs: { n: '{given}' },
      outputs: { twice: 'got' },
      wait: true,
    };
    const planGiven = (given: Json): Plan => {
      const made = planOf([step], { river: { variables: { got: single, given: { ...single, initial: given } } } });
      return { ...made, rivers: { ...made.rivers, load: child } };
    };
    const result = await engine.run(planGiven('21'));
    expect(result.outputs).toMatchObject({ got: 42 });
    expect(await engine.store.getRun(`${result.run_id}/call`)).toMatchObject({
      river: 'load',
      status: 'succeeded',
      inputs: { n: 21 },
    });
    const misfit = await engine.outcome(planGiven('many'));
    expect(misfit.error).toMatchObject({ code: 'RIVER_INPUT_TYPE', hint: 'Give n as 42.', step: 'call' });
  });

  test('a timeout ends the run with its counts kept', async () => {
    sandbox.set({ latency: { minMs: 400, maxMs: 400 } });
    const steps = [query(ROWS), loop({ maxInFlight: 1 })];
    const result = await engine.outcome(planOf(steps, { river: { timeoutMs: 700 } }));
    sandbox.set({ latency: { minMs: 0, maxMs: 0 } });
    expect(result).toMatchObject({ status: 'failed', error: { code: 'RIVER_TIMEOUT' } });
    expect(result.rows.read).toBe(10);
    expect(result.rows.not_attempted).toBeGreaterThan(0);
  });

  test('a step that takes too long fails', async () => {
    const slow = script('slow', 'setTimeout(() => {}, 60000)', { timeoutMs: 300 });
    const result = await engine.outcome(planOf([slow]));
    expect(result).toMatchObject({ status: 'failed', error: { code: 'RIVER_STEP_TIMEOUT', step: 'slow' } });
  });

  test('persisted variables are kept by a succeeded run only', async () => {
    const variables = { last: { multiple: false, initial: 'none', persist: true }, a: single };
    const river = { name: 'keeps', variables };
    const set = value('set', ['select ', { bind: ['last'] }, " || '+'"], 'last');
    expect((await engine.run(planOf([set], { river }))).outputs).toMatchObject({ last: 'none+' });
    await engine.outcome(planOf([set, FAILING], { river }));
    expect((await engine.run(planOf([set], { river }))).outputs).toMatchObject({ last: 'none++' });
  });

  test('a retry saves persisted variables, unless a later run has saved its own', async () => {
    const variables = {
      deals: { multiple: true, initial: null, persist: false },
      day: { multiple: false, initial: null, persist: true },
    };
    const planFor = (day: string, deal: number): Plan =>
      planOf(
        [
          value('day', [`select '${day}'`], 'day'),
          query(`select '${deal}' as deal_id, json_object('amount', 1) as properties`),
          loop(),
        ],
        { river: { name: 'daily', variables } },
      );
    const saved = async () => (await engine.store.readVariables('daily')).day;
    const retry = (runId: string, plan: Plan) => engine.outcome(plan, { retryOf: { runId, includeUnknown: false } });
    const monday = await engine.outcome(planFor('monday', 901));
    await engine.run(planFor('tuesday', 1));
    const again = await retry(monday.run_id, planFor('monday', 901));
    sandbox.seed({ first: 901, count: 1 });
    // A retry of a retry is of Monday's run too, though it began on Tuesday.
    expect(await retry(again.run_id, planFor('monday', 901))).toMatchObject({ status: 'succeeded' });
    expect(await saved()).toBe('tuesday');
    const wednesday = await engine.outcome(planFor('wednesday', 902));
    expect(wednesday.status).toBe('failed');
    sandbox.seed({ first: 902, count: 1 });
    expect(await retry(wednesday.run_id, planFor('wednesday', 902))).toMatchObject({ status: 'succeeded' });
    expect(await saved()).toBe('wednesday');
  });

  test('an input that is given as null is null, whatever its default', async () => {
    const inputs = { day: { type: 'string', required: false, default: 'monday' } } as const;
    const steps = [value('got', ['select ', { bind: ['day'] }, ' is null'], 'a')];
    const made = planOf(steps, { river: withVariables(['a'], { inputs }) });
    expect((await engine.run(made, { inputs: { day: null } })).outputs).toMatchObject({ a: true });
    expect((await engine.run(made)).outputs).toMatchObject({ a: false });
  });

  test('a run whose end cannot be written down waits until it can', async () => {
    const db = new DatabaseSync(join(engine.dir, '.upriver', 'state.db'));
    const end = script(
      'end',
      'const fs = require("fs"); setInterval(() => fs.existsSync("end") && process.exit(), 20)',
    );
    const runId = await engine.start(planOf([end], { river: { name: 'books' } }));
    while (!(await engine.store.getRun(runId))) await new Promise((resolve) => setTimeout(resolve, 20));
    db.exec('alter table river_locks rename to elsewhere');
    await writeFile(join(engine.dir, 'end'), '');
    for (;;) {
      const { raw, status } = await engine.client.workflow.getHandle(runId).describe();
      if (raw.pendingActivities?.some(({ activityId, attempt }) => activityId === 'end' && Number(attempt) > 1)) break;
      if (status.name !== 'RUNNING') throw new Error('the run ended without');
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    db.exec('alter table elsewhere rename to river_locks');
    db.close();
    expect(await engine.result(runId)).toMatchObject({ status: 'succeeded' });
    expect(await engine.store.lockRiver('books', 'another', null)).toMatchObject({ held: true });
  });

  test('a plan of a newer version fails no run: it waits for a worker that knows such plans', async () => {
    const runId = await engine.start({ ...planOf([]), version: PLAN_VERSION + 1 } as Plan);
    const handle = engine.client.workflow.getHandle(runId);
    for (let refused = false; !refused; await new Promise((resolve) => setTimeout(resolve, 20))) {
      const { events } = await handle.fetchHistory();
      refused = events?.some((event) => event.workflowTaskFailedEventAttributes) ?? false;
    }
    expect((await handle.describe()).status.name).toBe('RUNNING');
    await handle.terminate('test');
  });

  test('runs that wait get the river in the order in which they came, and carry on as new with all that is known of them', async () => {
    const busy = script(
      'busy',
      'const fs = require("fs"); setInterval(() => fs.existsSync("go") && process.exit(), 20)',
    );
    const queued = (steps: StepPlan[]) =>
      planOf(steps, { river: withVariables(['a'], { name: 'queue', overlap: 'queue' }) });
    const waits = async (runId: string) => {
      for (;;) {
        const { events } = await engine.client.workflow.getHandle(runId).fetchHistory();
        if (events?.some((event) => event.timerStartedEventAttributes)) return runId;
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    };
    const holder = await engine.start(queued([busy]));
    while (!(await engine.store.getRun(holder))) await new Promise((resolve) => setTimeout(resolve, 20));
    const early = await waits(await engine.start(queued([value('a', ['select 1'], 'a')])));
    const late = await waits(await engine.start(queued([value('a', ['select 2'], 'a')])));
    const handle = engine.client.workflow.getHandle(early);
    const before = await handle.describe();
    for (let sent = 0; sent < 2_100; sent += 100)
      await Promise.all(Array.from({ length: 100 }, () => handle.signal('an event')));
    for (;;) {
      const { runId, memo, raw } = await handle.describe();
      if (runId === before.runId) continue;
      expect(memo).toEqual(before.memo);
      const timeouts = [raw, before.raw].map((one) => one.executionConfig?.defaultWorkflowTaskTimeout);
      expect(timeouts[0]).toEqual(timeouts[1]);
      break;
    }
    await writeFile(join(engine.dir, 'go'), '');
    const [first] = await Promise.all([engine.result(early), engine.result(late), engine.result(holder)]);
    expect(first).toMatchObject({ status: 'succeeded', started_at: before.startTime.toISOString() });
    const [step] = await engine.store.listSteps(late);
    expect(step?.startedAt).toBeGreaterThanOrEqual((await engine.store.getRun(early))?.endedAt ?? Number.NaN);
  });

  test('overlap: a second run is skipped, or waits; a terminated one holds nothing', async () => {
    const slow = script('slow', 'setTimeout(() => console.log("{}"), 1500)');
    const first = await engine.start(planOf([slow], { river: { name: 'busy' } }));
    while (!(await engine.store.getRun(first))) await new Promise((resolve) => setTimeout(resolve, 20));
    const second = await engine.run(planOf([slow], { river: { name: 'busy' } }));
    expect(second).toMatchObject({ status: 'skipped', error: { code: 'RIVER_OVERLAP' } });
    const third = await engine.run(planOf([], { river: { name: 'busy', overlap: 'queue' } }));
    expect(third.status).toBe('succeeded');
    expect(await engine.store.getRun(first)).toMatchObject({ status: 'succeeded' });
    const doomed = await engine.start(
      planOf([script('long', 'setTimeout(() => {}, 60000)')], { river: { name: 'busy' } }),
    );
    while (!(await engine.store.getRun(doomed))) await new Promise((resolve) => setTimeout(resolve, 20));
    await engine.client.workflow.getHandle(doomed).terminate('test');
    expect((await engine.run(planOf([], { river: { name: 'busy' } }))).status).toBe('succeeded');
  });

  test('the results of a loop are rows for another one', async () => {
    const variables = {
      deals: { multiple: true, initial: null, persist: false },
      pushed: { multiple: true, initial: null, persist: false },
    };
    const first = loop({ key: ['deal_id'], results: { kind: 'variable', variable: 'pushed' } });
    const result = await engine.run(
      planOf([query(ROWS), first, condition('check', [{ if: 'rows(pushed) != 10', then: 'fail' }])], {
        river: { variables },
      }),
    );
    const rowset = await engine.store.getRowset(`${result.run_id}/each/results`);
    expect(rowset?.columns).toEqual(['deal_id', 'outcome', 'http_status', 'code', 'message']);
    const { rows } = await engine.store.readChunk(rowset?.id ?? '', 0);
    expect(rows[0]).toBe('["1","delivered",200,null,null]');
  });

  test('what keeps a loop from beginning is what the run says; its rows are not attempted, and a retry refuses', async () => {
    const steps = [query(ROWS), loop({ iterators: [{ name: 'deal_id', column: 'no_such_column' }] })];
    const failed = await engine.outcome(planOf(steps));
    expect(failed).toMatchObject({ status: 'failed', error: { code: 'RIVER_UNKNOWN_COLUMN', step: 'each' } });
    expect(failed.rows).toMatchObject({ read: 10, not_attempted: 10 });
    const again = await engine.outcome(planOf(steps), { retryOf: { runId: failed.run_id, includeUnknown: false } });
    expect(again).toMatchObject({ status: 'failed', error: { code: 'RIVER_NOTHING_TO_RETRY' } });
  });

  test('a dry run runs no script', async () => {
    const touch = script('touch', `require('node:fs').writeFileSync('touched.txt', '')`);
    const result = await engine.run(planOf([touch]), { dryRun: true });
    expect(result.steps).toMatchObject([{ id: 'touch', status: 'skipped' }]);
    await expect(access(join(engine.dir, 'touched.txt'))).rejects.toThrow();
  });

  test('a retry sends what went wrong, and only that', async () => {
    const sql = `${ROWS} union all select '999', json_object('amount', 1)`;
    const steps = [query(sql), loop({ key: ['deal_id'] })];
    const failed = await engine.outcome(planOf(steps));
    expect(failed.rows).toMatchObject({ delivered: 10, rejected: 1 });
    sandbox.seed({ first: 999, count: 1 });
    const again = await engine.run(planOf(steps), { retryOf: { runId: failed.run_id, includeUnknown: false } });
    expect(again).toMatchObject({ status: 'succeeded', rows: { read: 1, delivered: 1 } });
    const twice = await engine.run(planOf(steps), { retryOf: { runId: failed.run_id, includeUnknown: false } });
    expect(twice.rows).toMatchObject({ read: 1, delivered: 0, skipped: 1 });
  });
});
