/** The pools of a connection, and what is added to a request on its way out. */
import { Agent, type Dispatcher, Pool } from 'undici';
import type { HttpConnectionPlan } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import type { Auth, Credentials } from './auth.ts';
import { ExchangeHandler } from './exchange.ts';
import type { Exchange, PreparedRequest, SendOptions } from './http-client.ts';
import { InFlight } from './in-flight.ts';

export interface Base {
  /** Without a slash at its end. */
  href: string;
  origin: string;
}

export interface WireDeps {
  auth: Auth;
  base: Base;
  /** Of the connection, lower-case names. */
  ownHeaders: Readonly<Record<string, string>>;
  /** Monotonic milliseconds. */
  now: () => number;
}

type Headers = Readonly<Record<string, string>>;

const CONNECT_TIMEOUT_MS = 10_000;
const DEFAULT_HEADERS: Headers = { accept: 'application/json, */*;q=0.8', 'user-agent': 'upriver' };
const ABORTED: Exchange = { kind: 'not_sent', reason: 'aborted', message: 'stopped before it left' };

/** Where a request goes and what is added to it there. */
interface Route {
  dispatcher: Dispatcher;
  origin: string;
  path: string;
  headers: Headers;
  credentials: Credentials | null;
}

export class Wire {
  readonly #deps: WireDeps;
  readonly #pool: Pool;
  /** For absolute URLs of other origins. */
  readonly #elsewhere: Agent;
  /** The base URL's origin and a slash: what the connection's own URLs begin with. */
  readonly #prefix: string;
  readonly #exchange: { now: () => number; flights: InFlight };
  #signed: { credentials: Credentials; headers: Headers } | null = null;

  constructor({ maxInFlight, timeoutMs }: HttpConnectionPlan, deps: WireDeps) {
    const options: Pool.Options = {
      connections: maxInFlight,
      pipelining: 1,
      connectTimeout: Math.min(CONNECT_TIMEOUT_MS, timeoutMs),
      // InFlight ends the exchange as a whole: a body that trickles must end too.
      headersTimeout: 0,
      bodyTimeout: 0,
      // HTTP/2 streams may be replayed by the client after a GOAWAY; over HTTP/1.1 what has left is known exactly.
      allowH2: false,
    };
    this.#deps = deps;
    this.#pool = new Pool(deps.base.origin, options);
    this.#elsewhere = new Agent(options);
    this.#prefix = `${deps.base.origin}/`;
    this.#exchange = { now: deps.now, flights: new InFlight(timeoutMs, deps.now) };
  }

  send(request: PreparedRequest, options: SendOptions): Promise<Exchange> {
    if (!request.url.startsWith(this.#prefix)) return this.#sendAbsolute(request, options);
    const credentials = this.#deps.auth.current();
    if (credentials) return this.#dispatch(this.#ownRoute(request, credentials), request, options);
    return this.#obtainThenSend(request, options);
  }

  async close(): Promise<void> {
    await Promise.all([this.#pool.destroy(), this.#elsewhere.destroy()]);
    this.#exchange.flights.close();
  }

  async #obtainThenSend(request: PreparedRequest, options: SendOptions): Promise<Exchange> {
    const credentials = await this.#deps.auth.obtain();
    return this.#dispatch(this.#ownRoute(request, credentials), request, options);
  }

  /** Credentials and the connection's headers are for the base URL's origin only. */
  async #sendAbsolute(request: PreparedRequest, options: SendOptions): Promise<Exchange> {
    const url = URL.parse(request.url);
    if (!url || !/^https?:$/.test(url.protocol)) throw notHttp('it is not an http(s) URL');
    const path = url.pathname + url.search;
    const { origin } = url;
    if (origin === this.#deps.base.origin) return this.send({ ...request, url: origin + path }, options);
    const route = { dispatcher: this.#elsewhere, origin, path, headers: DEFAULT_HEADERS, credentials: null };
    return this.#dispatch(route, request, options);
  }

  #ownRoute({ url }: PreparedRequest, credentials: Credentials): Route {
    const { origin } = this.#deps.base;
    const path = url.slice(origin.length);
    if (this.#signed?.credentials !== credentials) {
      const headers = { ...DEFAULT_HEADERS, ...this.#deps.ownHeaders, ...credentials.headers };
      this.#signed = { credentials, headers };
    }
    return {
      dispatcher: this.#pool,
      origin,
      path: withKey(path, credentials.query),
      headers: this.#signed.headers,
      credentials,
    };
  }

  #dispatch(route: Route, request: PreparedRequest, options: SendOptions): Promise<Exchange> {
    if (options.signal.aborted) return Promise.resolve(ABORTED);
    return new Promise((resolve, reject) => {
      const settled = (exchange: Exchange) => {
        this.#noteRefused(exchange, route.credentials);
        resolve(exchange);
      };
      const invalid = (why: string) => reject(notHttp(why));
      const handler = new ExchangeHandler(this.#exchange, options, { exchange: settled, invalid });
      const { origin, path } = route;
      const headers = { ...route.headers, ...request.headers };
      const { method, body } = request;
      route.dispatcher.dispatch({ origin, path, method: method as Dispatcher.HttpMethod, headers, body }, handler);
    });
  }

  #noteRefused(exchange: Exchange, credentials: Credentials | null): void {
    if (credentials && exchange.kind === 'reply' && exchange.status === 401) this.#deps.auth.refused(credentials);
  }
}

function withKey(path: string, query: string | null): string {
  if (query === null) return path;
  return `${path}${path.includes('?') ? '&' : '?'}${query}`;
}

function notHttp(why: string): UpriverError {
  return new UpriverError('ROW_REQUEST_INVALID', `the request cannot be sent: ${why}`, {
    hint: 'Look at the action’s url, path and headers, and at the row’s values that go into them.',
  });
}
