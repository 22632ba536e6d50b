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
import { Engine } from './engine.ts';
import { type Failure, failure } from './failures.ts';
import { type Execution, type Hooks, noWarehouse, Query, type Session } from './queries.ts';

export type Route =
  | 'login'
  | 'renew'
  | 'logout'
  | 'query'
  | 'result'
  | 'status'
  | 'abort'
  | 'chunk'
  | 'oauth'
  | 'telemetry'
  | 'other';

/** What goes wrong, how often. */
export interface Fault {
  route: Route;
  times: number;
  /** Only requests whose SQL has this. */
  sql?: RegExp;
  act:
    | { kind: 'http'; status: number }
    | { kind: 'refuse'; code: string; message?: string }
    /** The connection breaks before, or after, the request was carried out. */
    | { kind: 'reset'; when: 'before' | 'after' }
    /** A connection that breaks after half of a chunk's bytes. */
    | { kind: 'truncate' };
}

export interface LogEntry {
  route: Route;
  sql?: string;
  requestId?: string | null;
  authorization?: string;
}

export interface SnowflakeDouble extends AsyncDisposable {
  url: string;
  log: LogEntry[];
  executions: Execution[];
  /** Texts of executed statements that match. */
  ran(pattern: RegExp): string[];
  fault(fault: Fault): void;
  /** Statements (or scripts) that match wait, running, until released; no more than `times` of them. Released: when they are done. */
  hold(pattern: RegExp, options?: { times: number }): { release(): Promise<void> };
  /** The warehouse stops: every statement that needs one fails. */
  suspended: boolean;
  /** Answers of the server before it says 333333, in ms. */
  patienceMs: number;
  /** Every session's token is as good as expired: renewal gets another. */
  expireSessions(): void;
  sessions: Session[];
  seed(sql: string): Promise<void>;
}

export interface DoubleOptions {
  databases?: readonly string[];
  accounts?: Partial<Accounts>;
}

const ROWS_INLINE = 1;

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

interface Hold {
  pattern: RegExp;
  released: Promise<void>;
  times: number;
  queries: Set<Query>;
}

interface Call {
  route: Route;
  url: URL;
  body: Record<string, unknown>;
  session: Session | undefined;
  request: IncomingMessage;
  response: ServerResponse;
}

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
  readonly #queries = new Map<string, Query>();
  readonly #requests = new Map<string, Query>();
  readonly #faults: Fault[] = [];
  readonly #holds = new Set<Hold>();
  readonly #expired = new Set<string>();
  #tokens = 0;

  constructor(engine: Engine, accounts: Accounts) {
    this.#engine = engine;
    this.#accounts = accounts;
  }

  ran(pattern: RegExp): string[] {
    return this.executions.map(({ sql }) => sql).filter((sql) => pattern.test(sql));
  }

  fault(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  hold(pattern: RegExp, { times } = { times: Number.POSITIVE_INFINITY }) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held: Hold = { pattern, released: promise, times, queries: new Set() };
    this.#holds.add(held);
    return {
      release: async () => {
        this.#holds.delete(held);
        resolve();
        await Promise.all([...held.queries].map((query) => query.done));
      },
    };
  }

  expireSessions(): void {
    for (const session of this.sessions) this.#expired.add(session.token);
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

  async gate(query: Query): Promise<void> {
    const stopped = once(query.cancelled, 'abort').catch(() => {});
    for (const held of this.#holds) {
      if (!held.pattern.test(query.request.sql) || query.cancelled.aborted) continue;
      if (!held.queries.has(query) && held.queries.size >= held.times) continue;
      held.queries.add(query);
      await Promise.race([held.released, stopped]);
    }
  }

  executed(execution: Execution): void {
    this.executions.push(execution);
  }

  answer({ request }: Query): Failure | null {
    return this.suspended && !/^\s*(alter session|select 1$|select current_)/i.test(request.sql) ? noWarehouse() : null;
  }

  cancelQuery(id: string): boolean {
    const query = this.#queries.get(id);
    query?.cancel();
    return query !== undefined;
  }

  // The wire.

  async handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? '/', this.url);
    const body = await readBody(request);
    const route = routeOf(url.pathname);
    const token = /Token="([^"]+)"/.exec(request.headers.authorization ?? '')?.[1];
    const session = this.sessions.find((each) => each.token === token || each.master === token);
    const sql = typeof body.sqlText === 'string' ? body.sqlText : undefined;
    this.log.push({ route, sql, requestId: url.searchParams.get('requestId') });
    const fault = this.#faultFor(route, sql);
    const call: Call = { route, url, body, session, request, response };
    if (fault && !(fault.kind === 'reset' && fault.when === 'after') && fault.kind !== 'truncate')
      return misbehave(call, fault);
    const answer = await this.#answer(call, token);
    if (fault?.kind === 'reset') return void request.socket.destroy();
    if (answer === null) return;
    if (Buffer.isBuffer(answer)) return sendChunk(response, answer, fault?.kind === 'truncate');
    send(response, 200, answer);
  }

  async #answer(call: Call, token: string | undefined): Promise<object | Buffer | null> {
    const { route, url, session } = call;
    if (route === 'login') return this.#login(call);
    if (route === 'oauth') return { access_token: 'oauth-token', token_type: 'bearer', expires_in: 600 };
    if (route === 'chunk') return this.#chunk(url, call.response);
    if (route === 'telemetry') return { success: true, data: {} };
    if (!session) return refusal('390104', 'Authentication token is invalid.');
    if (route === 'renew') return this.#renew(session);
    if (token !== undefined && this.#expired.has(token))
      return refusal('390112', 'Your session has expired. Please login again.');
    if (route === 'query') return this.#execute(call, session);
    if (route === 'result') return this.#result(url);
    if (route === 'status') return this.#status(url);
    if (route === 'abort') return this.#abort(call);
    return { success: true, data: null };
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
    return {
      success: true,
      code: null,
      message: null,
      data: {
        token: session.token,
        masterToken: session.master,
        validityInSeconds: 3600,
        masterValidityInSeconds: 14_400,
        sessionId: session.id,
        parameters: [],
        sessionInfo: {
          databaseName: session.database,
          schemaName: session.schema,
          warehouseName: session.warehouse,
          roleName: session.role,
        },
      },
    };
  }

  #renew(session: Session): object {
    this.#tokens += 1;
    session.token = `session-${this.#tokens}`;
    const data = {
      sessionToken: session.token,
      masterToken: session.master,
      validityInSecondsST: 3600,
      validityInSecondsMT: 14_400,
      sessionId: session.id,
    };
    return { success: true, code: null, message: null, data };
  }

  /** A request id that is known is not carried out again. */
  async #execute({ body, url }: Call, session: Session): Promise<object> {
    const requestId = url.searchParams.get('requestId') ?? '';
    const sql = String(body.sqlText);
    const cancel = /^\s*select system\$cancel_query/i.test(sql);
    const bindings = (body.bindings ?? {}) as Query['request']['bindings'];
    if (cancel) this.cancelQuery(String(bindings[1]?.value));
    let query = this.#requests.get(requestId);
    if (!query) {
      const text = cancel ? "select 'query is cancelled' as x" : sql;
      const owner = cancel ? { ...session, engine: await this.#engine.session(), turn: Promise.resolve() } : session;
      query = new Query(
        { sql: text, bindings, parameters: (body.parameters ?? {}) as Record<string, unknown>, requestId },
        owner,
      );
      this.#requests.set(requestId, query);
      this.register(query);
      query.start(this);
    }
    if (body.asyncExec === true) return this.#inProgress(query, '333334');
    return this.#whenDone(query);
  }

  async #result(url: URL): Promise<object> {
    const query = this.#queries.get(url.pathname.split('/')[2] as string);
    return query ? this.#whenDone(query) : refusal('000709', 'Statement not found', '02000');
  }

  async #whenDone(query: Query): Promise<object> {
    const waited = new AbortController();
    await Promise.race([query.done, delay(this.patienceMs, undefined, { signal: waited.signal }).catch(() => {})]);
    waited.abort();
    if (query.failure) return refusal(query.failure.code, query.failure.message, query.failure.sqlState, query);
    if (query.status !== 'SUCCESS') return this.#inProgress(query, '333333');
    return this.#resultOf(query);
  }

  #inProgress({ id }: Query, code: string): object {
    const data = { queryId: id, getResultUrl: `/queries/${id}/result`, queryAbortsAfterSecs: 300, progressDesc: null };
    return { success: true, code, message: 'Query execution in progress.', data };
  }

  #resultOf(query: Query): object {
    const { id, result, children } = query;
    const common = { queryId: id, parameters: [], statementTypeId: 4096, version: 1, queryResultFormat: 'json' };
    const session = {
      finalDatabaseName: query.session.database,
      finalSchemaName: query.session.schema,
      finalWarehouseName: query.session.warehouse,
      finalRoleName: query.session.role,
    };
    if (!result) {
      const resultIds = children.map((child) => child.id).join(',');
      return {
        success: true,
        code: null,
        message: null,
        data: {
          ...common,
          ...session,
          resultIds,
          resultTypes: children.map(() => 4096).join(','),
          rowtype: [],
          rowset: [],
          total: 0,
          returned: 0,
        },
      };
    }
    const [first, ...rest] = result.chunks.length <= ROWS_INLINE ? result.chunks : [undefined, ...result.chunks];
    const rowset = first ? JSON.parse(`[${gunzipSync(first.gzipped)}]`) : [];
    const skipped = first ? 1 : 0;
    const chunks = rest.map((chunk, index) => ({
      url: `${this.url}/chunks/${id}/${index + skipped}`,
      rowCount: chunk?.rows ?? 0,
      compressedSize: chunk?.gzipped.length ?? 0,
      uncompressedSize: (chunk?.gzipped.length ?? 0) * 5,
    }));
    const data = {
      ...common,
      ...session,
      rowtype: result.columns,
      rowset,
      total: result.total,
      returned: result.total,
      ...(chunks.length > 0 ? { chunks } : {}),
    };
    return { success: true, code: null, message: null, data };
  }

  #chunk(url: URL, response: ServerResponse): Buffer | null {
    const [, , id, index] = url.pathname.split('/') as [string, string, string, string];
    const chunk = this.#queries.get(id)?.result?.chunks[Number(index)];
    if (chunk) return chunk.gzipped;
    response.writeHead(404).end();
    return null;
  }

  #status(url: URL): object {
    const query = this.#queries.get(url.pathname.split('/')[3] as string);
    const queries = query
      ? [{ id: query.id, status: query.status, sqlText: query.request.sql, errorMessage: query.failure?.message ?? '' }]
      : [];
    return { success: true, code: null, message: null, data: { queries } };
  }

  #abort({ url, body }: Call): object {
    const id = url.pathname.split('/')[2] as string;
    const query = id === 'v1' ? this.#requests.get(String(body.requestId)) : this.#queries.get(id);
    query?.cancel();
    return query
      ? { success: true, data: null }
      : refusal('000605', 'Identified SQL statement is not currently executing.');
  }

  #faultFor(route: Route, sql: string | undefined): Fault['act'] | null {
    const fault = this.#faults.find(
      (each) => each.route === route && each.times > 0 && (each.sql?.test(sql ?? '') ?? true),
    );
    if (!fault) return null;
    fault.times -= 1;
    return fault.act;
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

function misbehave({ request, response }: Call, act: Fault['act']): void {
  if (act.kind === 'reset') request.socket.destroy();
  else if (act.kind === 'http') response.writeHead(act.status, { 'content-type': 'text/plain' }).end('no');
  else if (act.kind === 'refuse') send(response, 200, refusal(act.code, act.message ?? 'refused for a test'));
}

function refusal(code: string, message: string, sqlState?: string, query?: Query): object {
  const { line, position } = query?.failure ?? failure(code, '', message);
  const data = {
    internalError: false,
    errorCode: code,
    age: 0,
    sqlState: sqlState ?? null,
    queryId: query?.id,
    line,
    pos: position,
    type: 'COMPILATION',
  };
  return { success: false, code, message, data };
}

function send(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

function sendChunk(response: ServerResponse, gzipped: Buffer, breaksOff: boolean): void {
  const length = { 'content-length': gzipped.length };
  response.writeHead(200, { 'content-type': 'binary/octet-stream', 'content-encoding': 'gzip', ...length });
  if (!breaksOff) response.end(gzipped);
  else response.write(gzipped.subarray(0, gzipped.length / 2), () => response.destroy());
}
