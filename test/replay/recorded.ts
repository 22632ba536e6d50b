/** Runs whose histories are kept: between them they take every path of the workflows. */
import type { ConditionStep, Plan, StepPlan } from '../../src/contracts/plan.ts';
import { loop, plan, query } from '../helpers/plans.ts';

export interface Recorded {
  name: string;
  /** Deals that the destination knows. */
  deals: number;
  plan: (url: string) => Plan;
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
];
