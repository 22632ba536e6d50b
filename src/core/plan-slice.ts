/** The part of a plan that some steps need: nothing else travels to a child workflow or an activity. */
import type { ActionPlan, ConnectionPlan, LoopStep, Plan, StepPlan } from '../contracts/plan.ts';

/** Every step at any depth, containers before what they hold. */
export function* everyStep(steps: readonly StepPlan[]): Generator<StepPlan> {
  for (const step of steps) {
    yield step;
    if ('steps' in step) yield* everyStep(step.steps);
    if (step.type === 'condition') for (const branch of step.branches) yield* everyStep(branch.steps);
  }
}

/** Loops that stand in no other loop. */
export function* outermostLoops(steps: readonly StepPlan[]): Generator<LoopStep> {
  for (const step of steps) {
    if (step.type === 'loop') yield step;
    else if ('steps' in step) yield* outermostLoops(step.steps);
    else if (step.type === 'condition') for (const branch of step.branches) yield* outermostLoops(branch.steps);
  }
}

export interface PlanSlice {
  actions: Record<string, ActionPlan>;
  connections: Record<string, ConnectionPlan>;
}

/** Actions that the steps call, and their connections. */
export function actionsFor(steps: readonly StepPlan[], plan: Pick<Plan, 'actions' | 'connections'>): PlanSlice {
  const slice: PlanSlice = { actions: {}, connections: {} };
  for (const step of everyStep(steps)) {
    const action = step.type === 'action' ? plan.actions[step.action] : undefined;
    const connection = action && plan.connections[action.connection];
    if (!action || !connection) continue;
    slice.actions[action.name] = action;
    slice.connections[connection.name] = connection;
  }
  return slice;
}

/** The plan of a river that another one calls: only the rivers, actions and connections that it reaches. */
export function planFrom(plan: Plan, root: string): Plan {
  const rivers: Plan['rivers'] = {};
  reach(root, plan, rivers);
  return {
    ...sliceOf(
      plan,
      Object.values(rivers).flatMap((river) => river.steps),
    ),
    root,
    rivers,
  };
}

/** The plan of some steps of a river: only the rivers, actions and connections that they reach. */
export function planOf(plan: Plan, steps: readonly StepPlan[]): Plan {
  const rivers: Plan['rivers'] = {};
  for (const step of everyStep(steps)) if (step.type === 'river') reach(step.river, plan, rivers);
  const called = Object.values(rivers).flatMap((river) => river.steps);
  return { ...sliceOf(plan, [...steps, ...called]), rivers };
}

function sliceOf(plan: Plan, steps: readonly StepPlan[]): Plan {
  const slice = actionsFor(steps, plan);
  for (const step of everyStep(steps)) {
    const connection = plan.connections[warehouseOf(step) ?? ''];
    if (connection) slice.connections[connection.name] = connection;
  }
  return { ...plan, ...slice };
}

function warehouseOf(step: StepPlan): string | null {
  if (step.type === 'sql') return step.connection;
  return step.type === 'loop' && step.results?.kind === 'table' ? step.results.connection : null;
}

function reach(name: string, plan: Plan, rivers: Plan['rivers']): void {
  const river = plan.rivers[name];
  if (!river || rivers[name]) return;
  rivers[name] = river;
  for (const step of everyStep(river.steps)) if (step.type === 'river') reach(step.river, plan, rivers);
}
