/** The rivers that are measured: rows from a query, one loop, one request a row or a batch. */
import type { HttpConnectionPlan, Plan } from '../src/contracts/plan.ts';
import { action, batchUpdate, loop, plan, query } from '../test/helpers/plans.ts';

export interface SendOptions {
  url: string;
  rows: number;
  maxInFlight: number;
  /** Rows a request; default one. */
  batch?: number;
  limits?: HttpConnectionPlan['limits'];
  /** Name of the river, for several at once. */
  name?: string;
}

/** Deals 1 to `rows` get the number of their row as amount. */
export function sendPlan({ url, rows, maxInFlight, batch, limits = [], name = 'bench' }: SendOptions): Plan {
  const sql = `select i::varchar as deal_id, {'amount': i} as properties from range(1, ${rows + 1}) t(i)`;
  const made = plan({
    url,
    steps: [query(sql), loop({ maxInFlight })],
    actions: [batch ? action({ batch: { rows: batch, bytes: 3_000_000 }, requests: [batchUpdate()] }) : action()],
  });
  const [[, river]] = Object.entries(made.rivers) as [[string, Plan['rivers'][string]]];
  const api = { ...(made.connections['api'] as HttpConnectionPlan), limits, maxInFlight };
  return { ...made, root: name, rivers: { [name]: { ...river, name } }, connections: { ...made.connections, api } };
}

export function properties(row: number): Record<string, unknown> {
  return { amount: row + 1 };
}

/** One step that does next to nothing: what a run itself costs. */
export function trivialPlan(): Plan {
  const one = plan({
    url: 'http://127.0.0.1:9',
    steps: [{ ...query('select 1'), target: { kind: 'variable', variable: 'one', multiple: false } } as never],
  });
  const river = one.rivers[one.root];
  if (!river) throw new Error('no river');
  return {
    ...one,
    rivers: { [one.root]: { ...river, variables: { one: { multiple: false, initial: null, persist: false } } } },
  };
}
