/** The project that chaos runs: rows from a query, one loop, one action; written as a user would write it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

export const MODES = ['patch', 'post', 'batch', 'changed'] as const;
/** patch: one request a row, safe to repeat. post: not safe. batch: 100 rows a request. changed: patch with `send: changed`. */
export type Mode = (typeof MODES)[number];

export interface ProjectOptions {
  /** The API's. */
  url: string;
  rows: number;
  mode: Mode;
  maxInFlight: number;
  /** A PostgreSQL URL is in UPRIVER_STATE_URL; else SQLite. */
  postgres: boolean;
}

export const RIVER = 'chaos';
export const LOOP = 'each_deal';
/** These rows name deals that the API does not know: they must end rejected, and no other. */
export const isStranger = (row: number): boolean => row % 997 === 996;

export async function writeProject(dir: string, options: ProjectOptions): Promise<void> {
  await mkdir(join(dir, 'rivers'), { recursive: true });
  await mkdir(join(dir, 'actions'));
  await writeFile(join(dir, 'upriver.yaml'), options.postgres ? 'state: { url: { env: UPRIVER_STATE_URL } }\n' : '');
  await writeFile(join(dir, 'connections.yaml'), connections(options));
  await writeFile(join(dir, 'actions', 'send-deal.yaml'), options.mode === 'batch' ? BATCH : single(options.mode));
  await writeFile(join(dir, 'rivers', `${RIVER}.yaml`), river(options));
}

/** The deal that a row, counted from 0, is about. */
export function dealOf(row: number): string {
  return isStranger(row) ? `stranger-${row}` : String(row + 1);
}

const connections = ({ url, maxInFlight }: ProjectOptions) => `
warehouse: { type: duckdb, path: ':memory:' }
api:
  type: http
  base_url: ${url}
  auth: { type: bearer, token: { env: CHAOS_TOKEN } }
  max_in_flight: ${maxInFlight}
  timeout: 5s
`;

const single = (mode: Mode) => `
name: send-deal
connection: api
inputs: [deal_id, amount]
request:
  method: PATCH
  path: /crm/v3/objects/deals/{deal_id}
  body: { properties: { amount: '{amount}' } }
idempotent: ${mode !== 'post'}
retry: { attempts: 5, initial: 100ms, max: 1s }
`;

const BATCH = `
name: send-deal
connection: api
inputs: [deal_id, amount]
batch: { rows: 100, bytes: 3MB }
request:
  method: POST
  path: /crm/v3/objects/deals/batch/update
  body: { inputs: { $each: { id: '{deal_id}', properties: { amount: '{amount}' } } } }
idempotent: true
retry: { attempts: 5, initial: 100ms, max: 1s }
response:
  rows:
    id: '{deal_id}'
    delivered: "body.results.map(r, r.id)"
    rejected: "body.errors.map(e, { 'id': e.context.ids[0], 'code': e.category, 'message': e.message })"
  split_when: "status == 400"
`;

const river = ({ rows, mode, maxInFlight }: ProjectOptions) => `
name: ${RIVER}
variables: { deals: { multiple: true } }
steps:
  - id: read
    type: sql
    connection: warehouse
    query: >
      select case when n % 997 = 996 then 'stranger-' || n else (n + 1)::varchar end as deal_id, n as amount
      from range(0, ${rows}) t(n)
    target: { variable: deals }
  - id: ${LOOP}
    type: loop
    over: deals
    as: [deal_id, amount]
    max_in_flight: ${maxInFlight}
    tolerate: 100%
    ${mode === 'changed' ? 'key: [deal_id]\n    send: changed' : ''}
    steps:
      - { id: send, type: action, action: send-deal, inputs: { deal_id: '{deal_id}', amount: '{amount}' } }
`;
