/** Where steps are done: in a river, or in a row of a row-by-row loop. */
import type { DryRunCounts, RowRef, RunContext } from '../src/contracts/activities.ts';
import type { LoopInput } from '../src/contracts/loop.ts';
import type { Cel, Plan, StepPlan, TemplateValue } from '../src/contracts/plan.ts';
import type { RunInput, StepResult } from '../src/contracts/run.ts';
import { readsAny } from '../src/core/expressions.ts';
import { scopeFor } from '../src/core/scope.ts';
import { refsOf } from '../src/core/templates.ts';
import type { Value } from '../src/core/values.ts';
import type { Flow } from '../src/core/walker.ts';
import type { SharedOutages } from './shared-outage.ts';

export interface Place {
  run: RunContext;
  plan: Plan;
  /** Before a step's id in its path: '' in a river, `outer/row-42/` in a row. */
  prefix: string;
  /** Rows around, outermost first. Their values are known to activities alone. */
  rows: RowRef[];
  /** Variables and inputs; steps set them. */
  values: Record<string, Value>;
  /** Of a dry run: variables whose values only a real run knows. */
  unknown: Set<string>;
  searchAttributes: boolean;
  retryOf: RunInput['retryOf'];
  outages: SharedOutages;
}

/** What a leaf adds to its step's result. */
export type LeafResult = Partial<Pick<StepResult, 'status' | 'attempts' | 'rows' | 'requests'>> & { flow?: Flow };

export interface LeafContext {
  place: Place;
  /** Kept even if the step fails after all. */
  note: (result: LeafResult) => void;
  noteDryRun: (sent: DryRunCounts) => void;
  /** Says what the step is waiting for. */
  show: (note: string | null) => void;
}

/** Rows are numbered from 1 wherever people see them. Variables that the row's steps set are the row's own. */
export function rowPlace(
  { run, plan, path, step, rowset, rows, scope, searchAttributes }: LoopInput,
  row: number,
  outages: SharedOutages,
): Place {
  return {
    run,
    plan,
    prefix: `${path}/row-${row + 1}/`,
    rows: [...rows, { rowset: rowset.$rowset, row, iterators: step.iterators }],
    values: { ...scope },
    unknown: new Set(),
    searchAttributes,
    retryOf: null,
    outages,
  };
}

export function pathOf({ id }: StepPlan, { prefix }: Place): string {
  return prefix + id;
}

/** What a step's activity is told of its surroundings. */
export function scopeOf(step: StepPlan, { run, rows, values }: Place) {
  return { run, rows, scope: scopeFor([step], values) };
}

/** Whether only an activity can fill in a template. */
export function readsRow(template: TemplateValue, place: Place): boolean {
  const names = rowNames(place);
  return refsOf(template).some(({ path: [name] }) => names.includes(name as string));
}

/** Whether only an activity can evaluate a condition. A text that merely looks like it is sent there too. */
export function dependsOnRow(conditions: readonly (Cel | null)[], place: Place): boolean {
  return readsAny(conditions, new Set(rowNames(place)));
}

function rowNames({ rows }: Place): string[] {
  return rows.length === 0 ? [] : ['row', ...rows.flatMap(({ iterators }) => iterators.map(({ name }) => name))];
}
