/** Opens a destination: the pool, the auth, the headers and the limits of one HTTP connection in this process. */
import { Agent, type Dispatcher } from 'undici';
import type { HttpConnectionPlan, Reference, Resolvable } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import type { PermitStore } from '../core/permits.ts';
import type { SecretResolver } from '../core/secrets.ts';
import { type Auth, type Credentials, openAuth, type ReadSecret, secretReader } from './auth.ts';
import { AbortRegistry, ExchangeHandler } from './exchange.ts';
import type { Destination, Exchange, PreparedRequest, SendOptions } from './http-client.ts';
import { openLimiter } from './limiter.ts';
import { createRedactor } from './redact.ts';

export interface DestinationDeps {
  permits: PermitStore;
  secrets: SecretResolver;
  /** Monotonic milliseconds. */
  now: () => number;
  /** 0 to 1. */
  random: () => number;
}

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_HEADERS = { accept: 'application/json, */*;q=0.8', 'user-agent': 'upriver' };

/** Throws UpriverError: CONFIG_SECRET_MISSING, CONFIG_BASE_URL. Tokens are fetched at the first request, not here. */
export async function openDestination(plan: HttpConnectionPlan, deps: DestinationDeps): Promise<Destination> {
  const redactor = createRedactor();
  const read = secretReader({ secrets: deps.secrets, redactor });
  const base = await readBaseUrl(plan, deps.secrets, redactor.add);
  const ownHeaders = { ...DEFAULT_HEADERS, ...(await readHeaders(plan.headers, read)) };
  const auth = await openAuth(plan.auth, { secrets: deps.secrets, redactor, now: deps.now, timeoutMs: plan.timeoutMs });
  const limiter = openLimiter(plan, deps);
  const agent = new Agent({
    connections: plan.maxInFlight,
    pipelining: 1,
    connectTimeout: Math.min(CONNECT_TIMEOUT_MS, plan.timeoutMs),
    // One timer for the whole exchange, in ExchangeHandler: a body that trickles must end too.
    headersTimeout: 0,
    bodyTimeout: 0,
    // HTTP/2 streams may be replayed by the client after a GOAWAY; over HTTP/1.1 what has left is known exactly.
    allowH2: false,
  });
  const wire: Wire = {
    agent,
    auth,
    base,
    ownHeaders,
    timeoutMs: plan.timeoutMs,
    now: deps.now,
    aborts: new AbortRegistry(),
  };
  return {
    name: plan.name,
    baseUrl: base.href,
    maxInFlight: plan.maxInFlight,
    rules: plan.rules,
    limiter,
    send: (request, options) => send(wire, request, options),
    renewAuth: () => auth.renew(),
    redact: redactor.redact,
    async [Symbol.asyncDispose]() {
      await Promise.all([agent.destroy(), limiter.close()]);
    },
  };
}

interface Base {
  /** Without a slash at its end. */
  href: string;
  origin: string;
  /** `origin/`: what the URLs of this connection's own requests begin with. */
  prefix: string;
}

interface Wire {
  agent: Agent;
  auth: Auth;
  base: Base;
  ownHeaders: Readonly<Record<string, string>>;
  timeoutMs: number;
  now: () => number;
  aborts: AbortRegistry;
}

function send(wire: Wire, request: PreparedRequest, options: SendOptions): Promise<Exchange> {
  const own = request.url.startsWith(wire.base.prefix);
  if (!own) return sendElsewhere(wire, request, options);
  const path = request.url.slice(wire.base.origin.length);
  const credentials = wire.auth.current();
  if (credentials) return dispatch(wire, { ...ownTarget(wire, path, credentials), request, credentials }, options);
  return obtainThenSend(wire, { request, path }, options);
}

/** An absolute URL: credentials and the connection's headers are for the base URL's origin only. */
async function sendElsewhere(wire: Wire, request: PreparedRequest, options: SendOptions): Promise<Exchange> {
  const url = URL.parse(request.url);
  if (!url || !/^https?:$/.test(url.protocol)) throw notHttp(`it is not an http(s) URL`);
  const path = url.pathname + url.search;
  if (url.origin === wire.base.origin) return send(wire, { ...request, url: url.origin + path }, options);
  return dispatch(wire, { origin: url.origin, path, headers: DEFAULT_HEADERS, request, credentials: null }, options);
}

async function obtainThenSend(
  wire: Wire,
  asked: { request: PreparedRequest; path: string },
  options: SendOptions,
): Promise<Exchange> {
  const credentials = await wire.auth.obtain();
  return dispatch(wire, { ...ownTarget(wire, asked.path, credentials), request: asked.request, credentials }, options);
}

interface Target {
  origin: string;
  path: string;
  headers: Readonly<Record<string, string>>;
}

interface Dispatched extends Target {
  request: PreparedRequest;
  credentials: Credentials | null;
}

function ownTarget(wire: Wire, path: string, credentials: Credentials): Target {
  return {
    origin: wire.base.origin,
    path: credentials.query === null ? path : `${path}${path.includes('?') ? '&' : '?'}${credentials.query}`,
    headers: { ...wire.ownHeaders, ...credentials.headers },
  };
}

function dispatch(
  wire: Wire,
  { origin, path, headers, request, credentials }: Dispatched,
  options: SendOptions,
): Promise<Exchange> {
  if (options.signal.aborted)
    return Promise.resolve({ kind: 'not_sent', reason: 'aborted', message: 'stopped before it left' });
  return new Promise((resolve, reject) => {
    const settled = (exchange: Exchange) => {
      if (exchange.kind === 'reply' && exchange.status === 401 && credentials) wire.auth.refused(credentials);
      resolve(exchange);
    };
    const handler = new ExchangeHandler(wire, options, { exchange: settled, invalid: (why) => reject(notHttp(why)) });
    const what = {
      origin,
      path,
      method: request.method,
      headers: { ...headers, ...request.headers },
      body: request.body,
    };
    wire.agent.dispatch(what as Dispatcher.DispatchOptions, handler);
  });
}

function notHttp(why: string): UpriverError {
  return new UpriverError('ROW_REQUEST_INVALID', `the request cannot be sent: ${why}`, {
    hint: 'Look at the action’s url, path and headers, and at the row’s values that go into them.',
  });
}

async function readHeaders(headers: HttpConnectionPlan['headers'], read: ReadSecret): Promise<Record<string, string>> {
  const entries = Object.entries(headers).map(
    async ([name, value]) => [name.toLowerCase(), await read(value)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** A base URL is shown in messages, but where it came by reference its path may be the secret (as in a webhook's URL). */
async function readBaseUrl(
  plan: HttpConnectionPlan,
  secrets: SecretResolver,
  hide: (secret: string) => void,
): Promise<Base> {
  const text = await readPlain(plan.baseUrl, secrets);
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) throw badBaseUrl(plan.name);
  const href = (url.origin + url.pathname).replace(/\/+$/, '');
  if (typeof plan.baseUrl !== 'string' && href !== url.origin) hide(href.slice(url.origin.length));
  return { href, origin: url.origin, prefix: `${url.origin}/` };
}

async function readPlain(value: Resolvable<string>, secrets: SecretResolver): Promise<string> {
  return typeof value === 'string' ? value : secrets.resolve(value as Reference);
}

function badBaseUrl(connection: string): UpriverError {
  return new UpriverError('CONFIG_BASE_URL', `the base_url of connection ${connection} is not an http(s) URL`, {
    hint: 'Write it as https://host/optional/path, without a query, a fragment or a user name.',
    context: { connection },
  });
}
