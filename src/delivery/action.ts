/** An action made ready for many rows: everything that can be compiled once is. */
import type { ActionPlan, RequestPlan } from '../contracts/plan.ts';
import { compileExpression } from '../core/expressions.ts';
import { compileJudge, type Judge, REPLY_NAMES } from '../core/judge.ts';
import { compileValue } from '../core/templates.ts';
import type { Scope, Value } from '../core/values.ts';
import { compileRequest } from '../http/build.ts';
import type { Destination, PreparedRequest } from '../http/http-client.ts';

export type Render = (scope: Scope) => Value;

export interface CompiledAction {
  plan: ActionPlan;
  destination: Destination;
  requests: CompiledRequest[];
}

export interface CompiledRequest {
  plan: RequestPlan;
  destination: Destination;
  retry: ActionPlan['retry'];
  inputs: [name: string, render: Render][];
  build: (scope: Scope, baseUrl: string) => PreparedRequest;
  judge: Judge;
  outputs: [name: string, evaluate: Render][];
}

export function compileAction(plan: ActionPlan, destination: Destination): CompiledAction {
  const requests = plan.requests.map((request) => ({
    plan: request,
    destination,
    retry: plan.retry,
    inputs: compileAll(request.inputs),
    build: compileRequest(request),
    judge: compileJudge(request.rules, destination.rules, request.idempotent),
    outputs: Object.entries(request.outputs).map(([name, source]): [string, Render] => [
      name,
      compileExpression(source, REPLY_NAMES, { nullSafe: true }),
    ]),
  }));
  return { plan, destination, requests };
}

export function compileAll(templates: Record<string, Parameters<typeof compileValue>[0]>): [string, Render][] {
  return Object.entries(templates).map(([name, template]) => [name, compileValue(template)]);
}

/** Values of rendered templates, by name. */
export function renderAll(templates: readonly [string, Render][], scope: Scope): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [name, render] of templates) values[name] = render(scope);
  return values;
}
