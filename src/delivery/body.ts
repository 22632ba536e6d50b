/** A loop's body made ready for many rows. */
import type { ActionPlan, ActionStep, BranchPlan, StepPlan } from '../contracts/plan.ts';
import { compileExpression } from '../core/expressions.ts';
import { everyStep } from '../core/plan-slice.ts';
import type { Scope } from '../core/values.ts';
import type { Destination } from '../http/http-client.ts';
import { type CompiledAction, compileAction, compileAll, type Render } from './action.ts';

export interface Body {
  steps: readonly StepPlan[];
  /** What each action step does and what it is given. */
  actions: Map<ActionStep, { action: CompiledAction; inputs: [name: string, render: Render][] }>;
  conditions: Map<BranchPlan, Render>;
  /** Requests that one row makes at the most. */
  requests: number;
  /** Every request may be sent again. */
  idempotent: boolean;
  /** Permits cost nothing on any of its connections. */
  unlimited: boolean;
}

export interface BodyParts {
  actions: Record<string, ActionPlan>;
  destinations: ReadonlyMap<string, Destination>;
  /** Every name that the body's expressions may read. */
  names: readonly string[];
}

export function compileBody(steps: readonly StepPlan[], parts: BodyParts): Body {
  const body: Body = {
    steps,
    actions: new Map(),
    conditions: new Map(),
    requests: 0,
    idempotent: true,
    unlimited: true,
  };
  for (const step of everyStep(steps)) {
    if (step.type === 'action') addAction(body, step, parts);
    if (step.type !== 'condition') continue;
    for (const branch of step.branches) {
      if (branch.if !== null) body.conditions.set(branch, compileExpression(branch.if, parts.names));
    }
  }
  return body;
}

function addAction(body: Body, step: ActionStep, { actions, destinations }: BodyParts): void {
  const plan = actions[step.action] as ActionPlan;
  const destination = destinations.get(plan.connection) as Destination;
  // A step may be more patient than its action, or less.
  const action = compileAction(step.retry ? { ...plan, retry: step.retry } : plan, destination);
  body.actions.set(step, { action, inputs: compileAll(step.inputs) });
  if (!step.enabled) return;
  body.requests += plan.requests.length;
  body.idempotent &&= plan.requests.every((request) => request.idempotent);
  body.unlimited &&= destination.limiter.unlimited;
}

/** Whether a branch is taken: only `true` is. */
export function isTrue(render: Render | undefined, scope: Scope): boolean {
  return render?.(scope) === true;
}
