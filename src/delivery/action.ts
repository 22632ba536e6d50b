/** An action made ready for many rows: everything that can be compiled once is. */
import type { ActionPlan, RequestPlan } from '../contracts/plan.ts';
import { compileExpression } from '../core/expressions.ts';
import { compileJudge, type Judge, REPLY_NAMES } from '../core/judge.ts';
import { compileText, compileValue } from '../core/templates.ts';
import type { Scope, Value } from '../core/values.ts';
import { type BuildBatch, compileBatch, compileRequest } from '../http/build.ts';
import type { Destination, PreparedRequest } from '../http/http-client.ts';

export type Render = (scope: Scope) => Value;

export interface CompiledAction {
  plan: ActionPlan;
  /** Of the inputs that have one. */
  defaults: Record<string, Value>;
  destination: Destination;
  requests: CompiledRequest[];
  /** Many rows in one request. */
  batch: CompiledBatch | null;
}

export interface CompiledBatch {
  rows: number;
  bytes: number;
  build: BuildBatch;
  /** How a row is named in the answer. */
  id: ((scope: Scope) => string) | null;
  /** Ids that the answer took; null: the answer does not say. */
  delivered: Render | null;
  /** Ids, or `{ id, code, message }`, that it refused. */
  rejected: Render | null;
}

export interface CompiledRequest {
  plan: RequestPlan;
  destination: Destination;
  /** Whose health its answers tell of. */
  host: string;
  retry: ActionPlan['retry'];
  inputs: [name: string, render: Render][];
  build: (scope: Scope, baseUrl: string) => PreparedRequest;
  judge: Judge;
  /** Halve a batch that is answered so. */
  splits: (scope: Scope) => boolean;
  outputs: [name: string, evaluate: Render][];
}

export function compileAction(plan: ActionPlan, destination: Destination): CompiledAction {
  const requests = plan.requests.map(
    (request): CompiledRequest => ({
      plan: request,
      destination,
      host: hostOf(request, destination),
      retry: plan.retry,
      inputs: compileAll(request.inputs),
      build: compileRequest(request),
      splits: compileSplit(request),
      judge: compileJudge(request.rules, destination.rules, request.idempotent),
      outputs: Object.entries(request.outputs).map(([name, source]): [string, Render] => [
        name,
        compileExpression(source, REPLY_NAMES, { nullSafe: true }),
      ]),
    }),
  );
  return { plan, defaults: defaultsOf(plan), destination, requests, batch: compileBatchPart(plan) };
}

/** A server that the action itself names, else whoever is behind the connection. */
function hostOf({ target }: RequestPlan, { name, baseUrl }: Destination): string {
  const [origin = null] = (target.kind === 'url' && /^https?:\/\/[^/?#{]+(?=[/?#]|$)/i.exec(target.url)) || [];
  return origin === null || baseUrl.startsWith(origin) ? name : origin;
}

function defaultsOf({ inputs }: ActionPlan): Record<string, Value> {
  const optional = Object.entries(inputs).filter(([, input]) => !input.required);
  return Object.fromEntries(optional.map(([name, input]) => [name, input.default]));
}

function compileBatchPart({ batch, requests }: ActionPlan): CompiledBatch | null {
  const [request] = requests;
  if (!batch || !request) return null;
  const { id, delivered = null, rejected = null } = request.rows ?? {};
  const mapping = (source: string | null) => source && compileExpression(source, REPLY_NAMES, { nullSafe: true });
  return {
    ...batch,
    build: compileBatch(request),
    id: id ? compileText(id) : null,
    delivered: mapping(delivered) || null,
    rejected: mapping(rejected) || null,
  };
}

function compileSplit({ splitWhen }: RequestPlan): (scope: Scope) => boolean {
  if (splitWhen === null) return () => false;
  const evaluate = compileExpression(splitWhen, REPLY_NAMES, { nullSafe: true });
  return (scope) => evaluate(scope) === true;
}

/** What an action's templates may read: its inputs, and the names that are always there. */
export function actionScope(
  { defaults }: CompiledAction,
  given: Record<string, Value>,
  outer: Scope,
): Record<string, Value> {
  const { run = null, river = null, row = null } = outer;
  return { ...defaults, ...given, run, river, row };
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
