/**
 * Runs whose histories are kept: steps of every type, a cancel, an outage, a wait for another run, a retry. A continue-as-new
 * is not among them, for it takes 2,000 events.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConditionStep, Plan, RiverPlan, StepPlan } from '../../src/contracts/plan.ts';
import type { Sandbox } from '../../src/sandbox/index.ts';
import type { Engine } from '../helpers/engine.ts';
import { loop, plan, query } from '../helpers/plans.ts';

export interface Recorded {
  name: string;
  /** Deals that the destination knows. */
  deals: number;
  plan: (url: string) => Plan;
  /** The run that it is a retry of: an earlier one of these. */
  retryOf?: string;
  before?: (stage: Stage) => Promise<unknown>;
  meanwhile?: (stage: Stage) => Promise<unknown>;
}

export interface Stage {
  engine: Engine;
  sandbox: Sandbox;
  runId: string;
}

const BASE = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;
const ROWS = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 101) t(id)`;

const guard: ConditionStep = {
  ...BASE,
  id: 'guard',
  type: 'condition',
  branches: [{ if: 'rows(deals) > 1000', then: 'fail', message: 'too many', steps: [] }],
};
const quiet: StepPlan = { ...BASE, id: 'quiet', type: 'script', run: ['node', '-e', ''], inputs: {}, outputs: {} };
const broken: StepPlan = { ...quiet, id: 'broken', onError: 'continue', run: ['node', '-e', 'process.exit(1)'] };
const both: StepPlan = { ...BASE, id: 'both', type: 'parallel', steps: [quiet, broken] };

const FEW_ROWS = `select id::varchar as deal_id, json_object('amount', id) as property_values from range(1, 5) t(id)`;
const perRow: ConditionStep = {
  ...guard,
  id: 'per_row',
  branches: [{ if: "deal_id == '2'", then: 'fail', message: 'not {deal_id}', steps: [] }],
};

const single = { multiple: false, initial: null, persist: false };
const many = { ...single, multiple: true };
const called: RiverPlan = {
  ...{ name: 'recorded-called', description: null, timeoutMs: null, overlap: 'allow' },
  inputs: { n: { type: 'integer', required: true, default: null } },
  variables: { twice: single },
  steps: [
    {
      ...{ ...BASE, id: 'twice', type: 'sql', connection: 'warehouse', script: false },
      sql: ['select ', { bind: ['n'] }, '::int * 2'],
      target: { kind: 'variable', variable: 'twice', multiple: false },
    },
  ],
};
const call = (n: string): StepPlan => ({
  ...{ ...BASE, id: `call_${n}`, type: 'river', river: called.name, wait: true },
  inputs: { n: `{${n}}` },
  outputs: { twice: 'given' },
});
const busy: StepPlan = { ...quiet, id: 'busy', run: ['node', '-e', 'setTimeout(() => {}, 1500)'] };
const waiting = (steps: StepPlan[]) => (url: string) =>
  plan({ url, steps, river: { name: 'recorded-seven', overlap: 'queue' } });

async function pausedLoop({ engine, runId }: Stage): Promise<void> {
  const child = engine.client.workflow.getHandle(`${runId}/each`);
  for (;;) {
    const { events } = await child.fetchHistory().catch(() => ({ events: [] }));
    if (events?.some((event) => event.timerFiredEventAttributes)) return;
    await sleep(50);
  }
}

export const RECORDED: readonly Recorded[] = [
  {
    name: 'recorded-succeeded',
    deals: 100,
    plan: (url) =>
      plan({
        url,
        steps: [query(ROWS), guard, loop({ key: ['deal_id'] })],
        river: { name: 'recorded-one', timeoutMs: 3_600_000 },
      }),
  },
  {
    name: 'recorded-failed',
    deals: 50,
    plan: (url) => plan({ url, steps: [query(ROWS), both, loop()], river: { name: 'recorded-two' } }),
  },
  {
    name: 'recorded-row-by-row',
    deals: 3,
    plan: (url) =>
      plan({
        url,
        steps: [query(FEW_ROWS), loop({ mode: 'steps', maxInFlight: 1, steps: [perRow, quiet, ...loop().steps] })],
        river: { name: 'recorded-three' },
      }),
  },
  {
    name: 'recorded-cancelled',
    deals: 100,
    plan: (url) => plan({ url, steps: [query(ROWS), loop({ maxInFlight: 1 })], river: { name: 'recorded-four' } }),
    before: async ({ sandbox }) => sandbox.set({ latency: { minMs: 200, maxMs: 200 } }),
    meanwhile: async ({ engine, sandbox, runId }) => {
      while (sandbox.state().deals.applied < 3) await sleep(20);
      await engine.client.workflow.getHandle(runId).cancel();
    },
  },
  {
    name: 'recorded-outage',
    deals: 100,
    plan: (url) =>
      plan({
        url,
        steps: [query(ROWS), loop({ results: { kind: 'variable', variable: 'pushed' } })],
        river: { name: 'recorded-five', variables: { deals: many, pushed: many } },
      }),
    before: ({ sandbox }) => sandbox.stop(),
    meanwhile: async (stage) => {
      await pausedLoop(stage);
      await stage.sandbox.start();
    },
  },
  {
    name: 'recorded-calls',
    deals: 3,
    plan: (url) => {
      const steps = [call('given'), query(FEW_ROWS), loop({ mode: 'steps', maxInFlight: 1, steps: [call('deal_id')] })];
      const variables = { deals: many, given: { ...single, initial: 7 } };
      const made = plan({ url, steps, river: { name: 'recorded-six', variables } });
      return { ...made, rivers: { ...made.rivers, [called.name]: called } };
    },
  },
  {
    name: 'recorded-waits',
    deals: 0,
    plan: waiting([quiet]),
    before: async ({ engine, sandbox }) => {
      await engine.start(waiting([busy])(sandbox.url), { runId: 'holder' });
      while (!(await engine.store.getRun('holder'))) await sleep(20);
    },
  },
  {
    name: 'recorded-retry',
    deals: 100,
    retryOf: 'recorded-failed',
    plan: (url) => plan({ url, steps: [query(ROWS), both, loop()], river: { name: 'recorded-two' } }),
  },
];
