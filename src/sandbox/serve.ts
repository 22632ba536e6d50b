/** One request's way: arrival, limits, faults, work, answer. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { type Call, correlationId, type Endpoint, readBody, type RowName, type World } from './call.ts';
import { deliver } from './deliver.ts';
import { faultReply, happensAfterWork } from './faults.ts';
import { uniform } from './random.ts';
import { invalid, missingScope, refuse, type Reply, tooMany, unauthorized } from './replies.ts';
import { route } from './routes.ts';

const MOST_BODY_BYTES = 10 * 1024 * 1024;
const NO_QUERY = new URLSearchParams();
const NO_ANSWER: Reply = { status: 0, body: '', wrote: [] };
/** Keeps latency's dice apart from those of the faults. */
const LATENCY_SALT = 0x5bd1e995;

export function serve(world: World, req: IncomingMessage, res: ServerResponse): void {
  const { tally } = world;
  if (world.settings.down) {
    tally.refusedWhileDown();
    req.socket.destroy();
    return;
  }
  const call = newCall(world, req);
  tally.arrived(call);
  res.on('close', () => tally.settled(call));
  readText(req, (text) => {
    const reply = work(call, world, text);
    if (call.latencyMs === 0) answer(call, world, { res, reply });
    else setTimeout(() => answer(call, world, { res, reply }), call.latencyMs);
  });
}

/** Limits are judged here, on arrival, so that their times never go back. */
function newCall(world: World, req: IncomingMessage): Call {
  const at = world.now();
  const number = ++world.number;
  const { method = '', url = '/', headers } = req;
  const { minMs, maxMs } = world.settings.latency;
  const account = world.accounts.identify(headers.authorization);
  const isSearch = method === 'POST' && url.endsWith('/search');
  return {
    number,
    at,
    method,
    url,
    headers,
    correlationId: correlationId(world.seed, number),
    account,
    refusal: account && world.limits.take(account.token, at, isSearch),
    isSearch,
    id: '',
    query: NO_QUERY,
    text: '',
    body: undefined,
    malformed: null,
    fault: null,
    latencyMs: minMs + (maxMs - minMs) * uniform(world.seed ^ LATENCY_SALT, number),
    status: 0,
  };
}

/** Does what the call asks for, or what limits and faults put in its place. */
function work(call: Call, world: World, text: string): Reply {
  const { url } = call;
  const mark = url.indexOf('?');
  const routed = route(call.method, mark < 0 ? url : url.slice(0, mark));
  if (mark >= 0) call.query = new URLSearchParams(url.slice(mark + 1));
  const endpoint = typeof routed === 'number' ? null : routed.endpoint;
  if (typeof routed !== 'number') call.id = routed.id;
  if (endpoint?.body) readBody(call, text);
  else call.text = text;
  const rows = endpoint?.rows?.(call) ?? [];
  const before = countRows(world, rows);
  if (!call.account) return unauthorized(call);
  if (call.refusal) return tooMany(call, call.refusal.policy, call.refusal.retryAfterSeconds);
  call.fault = world.faults.choose(call.number, rows, before);
  if (call.fault && !happensAfterWork(call.fault)) {
    return faultReply(call, call.fault, world.settings.faults) ?? NO_ANSWER;
  }
  return endpoint ? run(call, endpoint, world) : noSuchThing(call, routed === 405 ? 405 : 404);
}

/** Counts each row as received; says how often the first one was before. */
function countRows(world: World, rows: readonly RowName[]): number {
  let first = 0;
  for (const [index, { id, idProperty }] of rows.entries()) {
    const before = world.deals.received(id, idProperty);
    if (index === 0) first = before;
  }
  return first;
}

function run(call: Call, endpoint: Endpoint, world: World): Reply {
  if (!call.account?.scopes.has(endpoint.scope)) return missingScope(call, endpoint.scope);
  if (!endpoint.body) return endpoint.run(call, world);
  if (!call.headers['content-type']?.includes('json')) return refuse(call, 415, { message: 'Unsupported Media Type' });
  if (call.malformed !== null) return invalid(call, call.malformed);
  return endpoint.run(call, world);
}

function noSuchThing(call: Call, status: 404 | 405): Reply {
  return refuse(call, status, { message: status === 404 ? 'resource not found' : 'HTTP 405 Method Not Allowed' });
}

function answer(call: Call, world: World, { res, reply }: { res: ServerResponse; reply: Reply }): void {
  if (call.fault === 'reset_before' || call.fault === 'reset_after') res.socket?.resetAndDestroy();
  const isSilent = reply === NO_ANSWER || call.fault === 'reset_after' || call.fault === 'hang_after';
  if (isSilent || res.destroyed) {
    markLost(reply);
    return;
  }
  const { faults } = world.settings;
  const untrue = call.fault && happensAfterWork(call.fault) ? faultReply(call, call.fault, faults) : null;
  const shown = untrue ?? reply;
  call.status = shown.status;
  const limits = call.account && !call.isSearch ? world.limits.headers(call.account.token, call.at) : [];
  void deliver(call, res, { reply: shown, limits, faults }).then((whole) => {
    if (untrue || !whole) markLost(reply);
  });
}

/** What was done stays done, but the caller was not told. */
function markLost(reply: Reply): void {
  for (const deal of reply.wrote) deal.lost++;
}

/** Hands over the whole body as text; a body that breaks off is dropped, one over the cap breaks the connection. */
export function readText(req: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BODY_BYTES) req.socket.destroy();
  });
  req.on('end', () => done(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString()));
}
