/**
 * A Snowflake on 127.0.0.1 for tests: speaks to the real driver, has DuckDB behind it, fails on request, and keeps a log, so
 * that a test can say that a statement ran exactly once. What it says on the wire was learnt from the driver's sources.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { type Accounts, checkLogin, type LoginData } from './accounts.ts';
import { accepted, inProgress, loggedIn, refusal, refusalOf, renewed, resultOf, statusOf } from './answers.ts';
import { type Bindings, Engine } from './engine.ts';
import type { Failure } from './failures.ts';
import { type Act, type Fault, Faults, Holds, type Route } from './faults.ts';
import { type Execution, type Hooks, noWarehouse, Query, type Session } from './queries.ts';

export type { Fault } from './faults.ts';

export interface LogEntry {
  route: Route;
  sql?: string;
  requestId: string | null;
  /** Which piece of a result, from 0. */
  piece?: number;
}

export interface SnowflakeDouble extends AsyncDisposable {
  readonly url: string;
  /** Every request. */
  readonly log: readonly LogEntry[];
  /** Every statement that was really run. */
  readonly executions: readonly Execution[];
  readonly sessions: readonly Session[];
  /** Texts of executed statements that match. */
  ran(pattern: RegExp): string[];
  fault(fault: Fault): void;
  /**
   * Statements (or scripts) that match wait, running, until released; no more than `times` of them. The release resolves
   * when they are done.
   */
  hold(pattern: RegExp, options?: { times: number }): { release(): Promise<void> };
  /** The warehouse stops: every statement that needs one fails. */
  suspended: boolean;
  /** How long the server waits with an answer before it says that the statement is in progress, in ms. */
  patienceMs: number;
  /** Runs DuckDB's own SQL, to fill tables before a test. */
  seed(sql: string): Promise<void>;
}

export interface DoubleOptions {
  databases?: readonly string[];
  accounts?: Partial<Accounts>;
}

export async function startSnowflake(options: DoubleOptions = {}): Promise<SnowflakeDouble> {
  const engine = await Engine.open(options.databases ?? ['INTERNAL']);
  const double = new Double(engine, { password: 'secret', ...options.accounts });
  const server = createServer((request, response) => void double.handle(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  double.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  double.close = async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return double;
}

interface Call {
  route: Route;
  url: URL;
  body: Record<string, unknown>;
  token: string | undefined;
}

/** An answer's body, or a chunk's bytes. */
type Answer = object | Buffer;

class Double implements SnowflakeDouble, Hooks {
  url = '';
  close = async () => {};
  readonly log: LogEntry[] = [];
  readonly executions: Execution[] = [];
  readonly sessions: Session[] = [];
  suspended = false;
  patienceMs = 500;
  readonly #engine: Engine;
  readonly #accounts: Accounts;
  readonly #faults = new Faults();
  readonly #holds = new Holds();
  readonly #queries = new Map<string, Query>();
  /** By request id: what is sent again is not carried out again. */
  readonly #requests = new Map<string, Query>();
  #tokens = 0;

  constructor(engine: Engine, accounts: Accounts) {
    this.#engine = engine;
    this.#accounts = accounts;
  }

  ran(pattern: RegExp): string[] {
    return this.executions.map(({ sql }) => sql).filter((sql) => pattern.test(sql));
  }

  fault(fault: Fault): void {
    this.#faults.add(fault);
  }

  hold(pattern: RegExp, { times } = { times: Number.POSITIVE_INFINITY }) {
    return this.#holds.add(pattern, times);
  }

  seed(sql: string): Promise<void> {
    return this.#engine.seed(sql);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const query of this.#queries.values()) query.cancel();
    await Promise.all([...this.#queries.values()].map((query) => query.done));
    await this.close();
    for (const session of this.sessions) session.engine.close();
    await this.#engine[Symbol.asyncDispose]();
  }

  // What queries ask for while they run.

  register(query: Query): void {
    this.#queries.set(query.id, query);
  }

  gate(query: Query): Promise<void> {
    return this.#holds.pass(query);
  }

  executed(execution: Execution): void {
    this.executions.push(execution);
  }

  answer({ request }: Query): Failure | null {
    return this.suspended && !/^\s*(alter session|show|select 1$|select current_)/i.test(request.sql)
      ? noWarehouse()
      : null;
  }

  // The wire.

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const route = routeOf(url.pathname);
    const body = await readBody(request);
    const sql = typeof body.sqlText === 'string' ? body.sqlText : undefined;
    const piece = route === 'chunk' ? Number(url.pathname.split('/')[3]) : undefined;
    this.log.push({ route, sql, requestId: url.searchParams.get('requestId'), piece });
    const fault = this.#faults.take(route, sql);
    if (fault && comesBefore(fault)) return misbehave(fault, request, response);
    const token = /Token="([^"]+)"/.exec(request.headers.authorization ?? '')?.[1];
    const answer = await this.#answer({ route, url, body, token });
    if (fault?.kind === 'silence') await fault.until;
    if (fault?.kind === 'reset') request.socket.destroy();
    else if (Buffer.isBuffer(answer)) sendChunk(response, answer, fault?.kind === 'truncate');
    else send(response, answer);
  }

  async #answer(call: Call): Promise<Answer> {
    const { route, url, token } = call;
    if (route === 'login') return this.#login(call);
    if (route === 'oauth') return { access_token: 'oauth-token', token_type: 'bearer', expires_in: 600 };
    if (route === 'chunk') return this.#chunk(url);
    const session = this.sessions.find((each) => each.token === token || each.master === token);
    if (!session) return refusal('390104', 'Authentication token is invalid.');
    if (route === 'renew') return this.#renew(session);
    if (route === 'query') return this.#execute(call, session);
    if (route === 'result') return this.#result(url);
    if (route === 'status') return statusOf(this.#queries.get(url.pathname.split('/')[3] as string));
    if (route === 'abort') return this.#abort(call);
    return accepted(null);
  }

  async #login({ body, url }: Call): Promise<object> {
    const refused = checkLogin(body.data as LoginData, this.#accounts, url.searchParams);
    if (refused) return refusal(refused.code, refused.message);
    this.#tokens += 1;
    const wanted = (name: string) => url.searchParams.get(name)?.toUpperCase() ?? null;
    const session: Session = {
      id: this.#tokens,
      token: `session-${this.#tokens}`,
      master: `master-${this.#tokens}`,
      engine: await this.#engine.session(),
      role: wanted('roleName') ?? 'PUBLIC',
      warehouse: wanted('warehouse') === 'NOWHERE' ? null : wanted('warehouse'),
      database: null,
      schema: null,
      settings: [],
      turn: Promise.resolve(),
    };
    const database = wanted('databaseName');
    const schema = wanted('schemaName') ?? 'PUBLIC';
    if (database && (await session.engine.use(database, 'PUBLIC'))) {
      session.database = database;
      if (await session.engine.use(database, schema)) session.schema = schema;
    }
    this.sessions.push(session);
    return loggedIn(session);
  }

  #renew(session: Session): object {
    this.#tokens += 1;
    session.token = `session-${this.#tokens}`;
    return renewed(session);
  }

  async #execute({ body, url }: Call, session: Session): Promise<object> {
    const requestId = url.searchParams.get('requestId') ?? '';
    const query = this.#requests.get(requestId) ?? (await this.#start(body, session, requestId));
    return body.asyncExec === true ? inProgress(query, '333334') : this.#whenDone(query);
  }

  async #start(body: Call['body'], session: Session, requestId: string): Promise<Query> {
    const cancelled = /^\s*select system\$cancel_query\('([^']+)'\)/i.exec(String(body.sqlText))?.[1];
    this.#queries.get(cancelled ?? '')?.cancel();
    const sql = cancelled ? "select 'query is cancelled' as x" : String(body.sqlText);
    const parameters = (body.parameters ?? {}) as Record<string, unknown>;
    // A cancel does not wait for the session's turn, which the cancelled statement has.
    const turn = cancelled ? { ...session, engine: await this.#engine.session(), turn: Promise.resolve() } : session;
    const query = new Query({ sql, bindings: (body.bindings ?? {}) as Bindings, parameters, requestId }, turn);
    this.#requests.set(requestId, query);
    this.register(query);
    query.start(this);
    return query;
  }

  async #result(url: URL): Promise<object> {
    const query = this.#queries.get(url.pathname.split('/')[2] as string);
    return query ? this.#whenDone(query) : refusal('000709', 'Statement not found', '02000');
  }

  async #whenDone(query: Query): Promise<object> {
    const waited = new AbortController();
    await Promise.race([query.done, delay(this.patienceMs, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
    if (query.failure) return refusalOf(query);
    return query.status === 'SUCCESS' ? resultOf(query, this.url) : inProgress(query, '333333');
  }

  #chunk(url: URL): Answer {
    const [, , id, index] = url.pathname.split('/') as [string, string, string, string];
    return this.#queries.get(id)?.result?.chunks[Number(index)]?.gzipped ?? refusal('000709', 'no such chunk');
  }

  #abort({ url, body }: Call): object {
    const id = url.pathname.split('/')[2] as string;
    const query = id === 'v1' ? this.#requests.get(String(body.requestId)) : this.#queries.get(id);
    query?.cancel();
    return query ? accepted(null) : refusal('000605', 'Identified SQL statement is not currently executing.');
  }
}

const ROUTES: readonly (readonly [RegExp, Route])[] = [
  [/^\/session\/v1\/login-request$/, 'login'],
  [/^\/session\/token-request$/, 'renew'],
  [/^\/session$/, 'logout'],
  [/^\/queries\/v1\/query-request$/, 'query'],
  [/^\/queries\/[^/]+\/result$/, 'result'],
  [/^\/queries\/[^/]+\/abort-request$/, 'abort'],
  [/^\/monitoring\/queries\//, 'status'],
  [/^\/chunks\//, 'chunk'],
  [/^\/oauth\/token$/, 'oauth'],
  [/^\/telemetry\//, 'telemetry'],
];

function routeOf(path: string): Route {
  return ROUTES.find(([pattern]) => pattern.test(path))?.[1] ?? 'other';
}

async function readBody(request: IncomingMessage): Promise<Record<string, unknown>> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part);
  const bytes = Buffer.concat(parts);
  const text = (request.headers['content-encoding'] === 'gzip' ? gunzipSync(bytes) : bytes).toString();
  return text.startsWith('{') ? JSON.parse(text) : {};
}

function comesBefore(act: Act): boolean {
  return act.kind === 'http' || act.kind === 'refuse' || (act.kind === 'reset' && act.when === 'before');
}

function misbehave(act: Act, request: IncomingMessage, response: ServerResponse): void {
  if (act.kind === 'reset') request.socket.destroy();
  else if (act.kind === 'http') response.writeHead(act.status, { 'content-type': 'text/plain' }).end('no');
  else if (act.kind === 'refuse') send(response, refusal(act.code, act.message ?? 'refused for a test'));
}

function send(response: ServerResponse, body: object): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

/** Not JSON by its type: rows without their outer brackets. */
function sendChunk(response: ServerResponse, gzipped: Buffer, breaksOff: boolean): void {
  const length = { 'content-length': gzipped.length };
  response.writeHead(200, { 'content-type': 'binary/octet-stream', 'content-encoding': 'gzip', ...length });
  if (!breaksOff) response.end(gzipped);
  else response.write(gzipped.subarray(0, gzipped.length / 2), () => response.destroy());
}
