/** Plans for engine tests, as the language would make them. */
import type { ActionPlan, LoopStep, Plan, RequestPlan, RiverPlan, StepPlan } from '../../src/contracts/plan.ts';

const BASE = { name: null, enabled: true, onError: 'fail', retry: null, timeoutMs: null } as const;

export function request(change: Partial<RequestPlan> = {}): RequestPlan {
  return {
    id: 'request',
    inputs: {},
    method: 'PATCH',
    target: { kind: 'path', path: '/crm/v3/objects/deals/{deal_id}' },
    query: {},
    headers: {},
    body: { kind: 'json', value: { properties: '{properties}' } },
    rules: [],
    outputs: {},
    idempotent: true,
    rows: null,
    splitWhen: null,
    ...change,
  };
}

/** Many deals in one request, as the language's description shows it for HubSpot. */
export function batchUpdate(): RequestPlan {
  return request({
    method: 'POST',
    target: { kind: 'path', path: '/crm/v3/objects/deals/batch/update' },
    body: { kind: 'json', value: { inputs: { $each: { id: '{deal_id}', properties: '{properties}' } } } },
    rows: {
      id: '{deal_id}',
      delivered: 'body.results.map(r, r.id)',
      rejected: "body.errors.map(e, { 'id': e.context.ids[0], 'code': e.category, 'message': e.message })",
    },
    splitWhen: 'status == 400 || status == 409',
  });
}

export function action(change: Partial<ActionPlan> = {}): ActionPlan {
  return {
    name: 'update',
    connection: 'api',
    inputs: { deal_id: { required: true, default: null }, properties: { required: true, default: null } },
    batch: null,
    retry: { attempts: 3, initialMs: 10, maxMs: 100 },
    requests: [request()],
    outputs: [],
    ...change,
  };
}

export function loop(change: Partial<LoopStep> = {}): LoopStep {
  return {
    ...BASE,
    id: 'each',
    type: 'loop',
    over: 'deals',
    iterators: [
      { name: 'deal_id', position: 0 },
      { name: 'properties', position: 1 },
    ],
    key: [],
    send: 'all',
    maxInFlight: 20,
    tolerate: { rows: 0 },
    stopAfter: null,
    results: null,
    mode: 'stream',
    steps: [
      {
        ...BASE,
        id: 'update',
        type: 'action',
        action: 'update',
        inputs: { deal_id: '{deal_id}', properties: '{properties}' },
        outputs: {},
      },
    ],
    ...change,
  };
}

/** A query into the multiple variable `deals`. */
export function query(sql: string): StepPlan {
  return {
    ...BASE,
    id: 'load',
    type: 'sql',
    connection: 'warehouse',
    sql: [sql],
    script: false,
    target: { kind: 'variable', variable: 'deals', multiple: true },
  };
}

export interface PlanParts {
  /** Of the HTTP destination. */
  url: string;
  steps: StepPlan[];
  actions?: ActionPlan[];
  river?: Partial<RiverPlan>;
}

export function plan({ url, steps, actions = [action()], river = {} }: PlanParts): Plan {
  const root: RiverPlan = {
    name: 'deals',
    description: null,
    inputs: {},
    variables: { deals: { multiple: true, initial: null, persist: false } },
    timeoutMs: null,
    overlap: 'skip',
    steps,
    ...river,
  };
  return {
    version: 1,
    root: root.name,
    rivers: { [root.name]: root },
    actions: Object.fromEntries(actions.map((one) => [one.name, one])),
    connections: {
      warehouse: { name: 'warehouse', type: 'duckdb', config: { path: ':memory:' } },
      api: {
        name: 'api',
        type: 'http',
        baseUrl: url,
        auth: { type: 'bearer', token: { env: 'TOKEN' } },
        headers: {},
        limits: [],
        reserve: 0,
        maxInFlight: 50,
        timeoutMs: 30_000,
        rules: [],
      },
    },
    retentionMs: 3_600_000,
  };
}
