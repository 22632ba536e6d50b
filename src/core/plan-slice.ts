/** The part of a plan that some steps need: nothing else travels to a child workflow or an activity. */
import type { ActionPlan, ConnectionPlan, Plan, StepPlan } from '../contracts/plan.ts';

/** Every step at any depth, containers before what they hold. */
export function* everyStep(steps: readonly StepPlan[]): Generator<StepPlan> {
  for (const step of steps) {
    yield step;
    if ('steps' in step) yield* everyStep(step.steps);
    if (step.type === 'condition') for (const branch of step.branches) yield* everyStep(branch.steps);
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
  const steps = Object.values(rivers).flatMap((river) => river.steps);
  const slice = actionsFor(steps, plan);
  for (const step of everyStep(steps)) {
    const connection = step.type === 'sql' ? plan.connections[step.connection] : undefined;
    if (connection) slice.connections[connection.name] = connection;
  }
  return { ...plan, root, rivers, ...slice };
}

function reach(name: string, plan: Plan, rivers: Plan['rivers']): void {
  const river = plan.rivers[name];
  if (!river || rivers[name]) return;
  rivers[name] = river;
  for (const step of everyStep(river.steps)) if (step.type === 'river') reach(step.river, plan, rivers);
}
