/** What of a row `send: changed` compares. */
import type { StepPlan } from '../../../src/contracts/plan.ts';
import { suppliedIterators } from '../../../src/delivery/loop-view.ts';

const base = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;
const script: StepPlan = {
  ...base,
  id: 'py',
  type: 'script',
  run: ['python3', 'score.py', '--deal={deal_id}'],
  inputs: { all: { amount: '{amount}', day: '{day}' } },
  outputs: {},
};
const sql: StepPlan = {
  ...base,
  id: 'sql',
  type: 'sql',
  connection: 'w',
  sql: ['delete from ', { identifier: ['table'] }, ' where x = ', { bind: ['x', 'y'] }],
  script: true,
  target: null,
};

test("a script's arguments and inputs, and what SQL is bound to, at any depth", () => {
  const body: StepPlan[] = [{ ...base, id: 'seq', type: 'sequence', steps: [script, sql] }];
  const iterators = ['x', 'unused', 'table', 'deal_id', 'amount'];
  expect(suppliedIterators(body, iterators)).toEqual(['amount', 'deal_id', 'table', 'x']);
});
