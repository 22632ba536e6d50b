/** Speaks to a practice HubSpot as a plain HTTP client would. */
import { request } from 'undici';
import type { Sandbox } from '../../../src/sandbox/index.ts';

export const DEALS = '/crm/v3/objects/deals';

export interface Answer {
  status: number;
  headers: Record<string, string | string[] | undefined>;
  text: string;
  /** The body as JSON; undefined if it is none. */
  body: Body;
}

/** As much of HubSpot's bodies as the tests look at. */
interface Body {
  id: string;
  message: string;
  category: string;
  policyName: string;
  correlationId: string;
  total: number;
  context: Record<string, string[]>;
  properties: Record<string, string | null>;
  results: {
    id: string;
    name: string;
    properties: Record<string, string | null>;
    new?: boolean;
    objectWriteTraceId?: string;
  }[];
  errors: { message: string; code: string; category: string; context: Record<string, string[]> }[];
  numErrors: number;
  status: string;
  paging?: { next: { after: string } };
}

interface Ask {
  body?: unknown;
  token?: string | null;
  headers?: Record<string, string>;
}

type Method = 'GET' | 'POST' | 'PATCH' | 'PUT' | 'DELETE';

/** `asked`: method and path, as in `PATCH /crm/v3/objects/deals/1`. A text body goes as it is, others as JSON. */
export async function ask(
  sandbox: Sandbox,
  asked: string,
  { body, token = 'practice', headers }: Ask = {},
): Promise<Answer> {
  const [method, path] = asked.split(' ') as [Method, string];
  const reply = await request(sandbox.url + path, {
    method,
    headers: {
      ...(token === null ? {} : { authorization: `Bearer ${token}` }),
      ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
    body: body === undefined || typeof body === 'string' ? body : JSON.stringify(body),
  });
  const text = await reply.body.text();
  return { status: reply.statusCode, headers: reply.headers, text, body: parse(text) as Body };
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

export function update(sandbox: Sandbox, id: string | number, properties: Record<string, unknown>): Promise<Answer> {
  return ask(sandbox, `PATCH ${DEALS}/${encodeURIComponent(id)}`, { body: { properties } });
}

export function batchUpdate(sandbox: Sandbox, inputs: unknown[]): Promise<Answer> {
  return ask(sandbox, `POST ${DEALS}/batch/update`, { body: { inputs } });
}
