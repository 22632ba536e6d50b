/** The practice HubSpot as a server: takes requests in, lets limits and faults have their say, answers, and counts. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as z from 'zod';
import { UpriverError } from '../core/errors.ts';
import { answerAdmin } from './admin.ts';
import { type Account, type Call, correlationId, type Endpoint, readBody, type World } from './call.ts';
import { type DealReport, DealStore } from './deals.ts';
import { deliver } from './deliver.ts';
import { FaultPlan, faultReply, happensAfterWork } from './faults.ts';
import { type PropertyDefinition, PropertyStore } from './properties.ts';
import { uniform } from './random.ts';
import { type LimitsReport, RateLimits } from './rate-limits.ts';
import { invalid, missingScope, refuse, type Reply, tooMany, unauthorized } from './replies.ts';
import { route } from './routes.ts';
import { ALL_SCOPES } from './schema.ts';
import { type SeedInput, Settings, type SettingsInput } from './settings.ts';
import { type LogEntry, Tally, type TallyReport } from './tally.ts';

export interface SandboxOptions extends SettingsInput {
  /** 0, the default, takes a free one. */
  port?: number;
  /** How many deals are there from the start: ids `firstId`, `firstId` + 1, … Default 0, from 1. */
  deals?: number;
  firstId?: number;
  /** Deal properties besides HubSpot's own and those of the walkthrough. */
  properties?: readonly PropertyDefinition[];
  /** The valid tokens and their scopes. Default: any token may do everything. */
  tokens?: Readonly<Record<string, readonly string[]>>;
  /** For latency and faults: the same seed and requests meet the same fate. */
  seed?: number;
  /** Milliseconds since 1970; must never go back. */
  clock?: () => number;
  /** How many requests the log keeps. */
  logSize?: number;
}

export interface SandboxState extends TallyReport {
  limits: LimitsReport;
  /** Sums over all deals; see `DealReport`. */
  deals: { count: number; received: number; applied: number; lost: number };
}

const MOST_BODY_BYTES = 10 * 1024 * 1024;
const NO_QUERY = new URLSearchParams();
const NO_ANSWER: Reply = { status: 0, body: '', wrote: [] };
/** Keeps latency's dice apart from those of the faults. */
const LATENCY_SALT = 0x5bd1e995;

export class Sandbox {
  readonly #options: SandboxOptions;
  readonly #clock: () => number;
  readonly #world: World;
  readonly #accounts = new Map<string, Account>();
  readonly #server: Server;
  #faults: FaultPlan;
  #tally: Tally;
  #number = 0;
  #port: number;

  constructor(options: SandboxOptions) {
    const {
      port = 0,
      deals = 0,
      firstId = 1,
      properties: own,
      tokens,
      seed = 1,
      clock,
      logSize = 1000,
      ...given
    } = options;
    this.#options = { ...options, seed, logSize };
    this.#clock = clock ?? (() => performance.timeOrigin + performance.now());
    this.#port = port;
    const settings = parseSettings(given);
    const properties = new PropertyStore(own);
    const limits = new RateLimits(settings.limits);
    this.#world = { settings, limits, properties, deals: new DealStore(properties), seed };
    this.#faults = new FaultPlan(settings.faults, seed);
    this.#tally = new Tally(logSize);
    for (const [token, scopes] of Object.entries(tokens ?? {})) {
      this.#accounts.set(`Bearer ${token}`, { token, scopes: new Set(scopes) });
    }
    this.seed({ first: firstId, count: deals });
    this.#server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => this.#receive(req, res));
  }

  /** Begins to listen, after `stop` on the same port as before. Errors: CONFIG_PORT_IN_USE. */
  async start(): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#port, '127.0.0.1', () => {
        this.#server.off('error', reject);
        resolve();
      });
    }).catch((error) => {
      throw listenError(error, this.#port);
    });
    this.#port = (this.#server.address() as AddressInfo).port;
  }

  /** Breaks all connections and refuses new ones; deals, counts and settings stay. */
  async stop(): Promise<void> {
    if (!this.#server.listening) return;
    await new Promise((done) => {
      this.#server.close(done);
      this.#server.closeAllConnections();
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  get port(): number {
    return this.#port;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  get settings(): Settings {
    return this.#world.settings;
  }

  /** Changes the settings named, each as a whole. New limits and faults begin to count anew. */
  set(given: SettingsInput): void {
    const settings = parseSettings({ ...this.#world.settings, ...given });
    this.#world.settings = settings;
    if ('limits' in given) this.#world.limits = new RateLimits(settings.limits);
    if ('faults' in given) this.#faults = new FaultPlan(settings.faults, this.#world.seed);
  }

  state(): SandboxState {
    return { ...this.#tally.report(), limits: this.#world.limits.report(), deals: this.#world.deals.totals() };
  }

  /** All counts at zero, the log empty, request numbers from 1, limits unused. Deals, their values and the settings stay. */
  reset(): void {
    const { settings, seed } = this.#world;
    this.#tally = new Tally(this.#options.logSize ?? 0);
    this.#number = 0;
    this.#world.limits = new RateLimits(settings.limits);
    this.#faults = new FaultPlan(settings.faults, seed);
    this.#world.deals.resetCounts();
  }

  seed(input: SeedInput): void {
    const at = this.#clock();
    const { deals } = this.#world;
    if ('deals' in input) for (const { id, properties } of input.deals) deals.seed(id, at, properties);
    else for (let i = 0; i < input.count; i++) deals.seed(String((input.first ?? 1) + i), at);
  }

  /** What happened to one deal. */
  deal(id: string): DealReport {
    return this.#world.deals.report(id);
  }

  /** The same for all deals, and for ids that were asked for and never existed. */
  deals(): Iterable<DealReport> {
    return this.#world.deals.reports();
  }

  /** The last requests, oldest first. */
  log(last = Number.POSITIVE_INFINITY): LogEntry[] {
    return this.#tally.log(last);
  }

  #receive(req: IncomingMessage, res: ServerResponse): void {
    const url = req.url ?? '/';
    if (url.startsWith('/_sandbox/')) {
      readText(req, (text) => void answerAdmin(this, { method: req.method ?? '', url, text }, res));
      return;
    }
    const tally = this.#tally;
    if (this.#world.settings.down) {
      tally.refusedWhileDown();
      req.socket.destroy();
      return;
    }
    const call = this.#newCall(req, url);
    tally.arrived(call);
    res.on('close', () => tally.settled(call));
    readText(req, (text) => {
      const reply = this.#work(call, text);
      if (call.latencyMs === 0) this.#answer(call, res, reply);
      else setTimeout(() => this.#answer(call, res, reply), call.latencyMs);
    });
  }

  #newCall(req: IncomingMessage, url: string): Call {
    const at = this.#clock();
    const number = ++this.#number;
    const { seed, settings, limits } = this.#world;
    const { minMs, maxMs } = settings.latency;
    const method = req.method ?? '';
    const account = this.#identify(req.headers.authorization);
    const isSearch = method === 'POST' && url.endsWith('/search');
    const refusal = account && limits.take(account.token, at, isSearch);
    return {
      number,
      at,
      method,
      url,
      headers: req.headers,
      correlationId: correlationId(seed, number),
      account,
      refusal,
      isSearch,
      id: '',
      query: NO_QUERY,
      text: '',
      body: undefined,
      malformed: null,
      fault: null,
      latencyMs: minMs + (maxMs - minMs) * uniform(seed ^ LATENCY_SALT, number),
      status: 0,
    };
  }

  #identify(authorization: string | undefined): Account | null {
    if (!authorization) return null;
    const known = this.#accounts.get(authorization);
    if (known || this.#options.tokens || !authorization.startsWith('Bearer ')) return known ?? null;
    const account = { token: authorization.slice('Bearer '.length), scopes: new Set(ALL_SCOPES) };
    this.#accounts.set(authorization, account);
    return account;
  }

  /** Does what the call asks for, or what limits and faults put in its place. */
  #work(call: Call, text: string): Reply {
    const { url } = call;
    const mark = url.indexOf('?');
    const routed = route(call.method, mark < 0 ? url : url.slice(0, mark));
    if (mark >= 0) call.query = new URLSearchParams(url.slice(mark + 1));
    const endpoint = typeof routed === 'number' ? null : routed.endpoint;
    if (typeof routed !== 'number') call.id = routed.id;
    if (endpoint?.body) readBody(call, text);
    else call.text = text;
    const rows = endpoint?.rows?.(call) ?? [];
    const before = this.#countRows(rows);
    if (!call.account) return unauthorized(call);
    if (call.refusal) return tooMany(call, call.refusal.policy, call.refusal.retryAfterSeconds);
    call.fault = this.#faults.choose(call.number, rows, before);
    if (call.fault && !happensAfterWork(call.fault))
      return faultReply(call, call.fault, this.settings.faults) ?? NO_ANSWER;
    if (typeof routed === 'number') return noSuchThing(call, routed);
    return run(call, routed.endpoint, this.#world);
  }

  /** Counts each row as received; says how often the first one was before. */
  #countRows(rows: readonly { id: string; idProperty: string | null }[]): number {
    let first = 0;
    for (const [index, { id, idProperty }] of rows.entries()) {
      const before = this.#world.deals.received(id, idProperty);
      if (index === 0) first = before;
    }
    return first;
  }

  #answer(call: Call, res: ServerResponse, reply: Reply): void {
    if (call.fault === 'reset_before' || call.fault === 'reset_after') res.socket?.resetAndDestroy();
    const isSilent = reply === NO_ANSWER || call.fault === 'reset_after' || call.fault === 'hang_after';
    if (isSilent || res.destroyed) {
      markLost(reply);
      return;
    }
    const { limits, settings } = this.#world;
    const { faults } = settings;
    const untrue = call.fault && happensAfterWork(call.fault) ? faultReply(call, call.fault, faults) : null;
    const shown = untrue ?? reply;
    call.status = shown.status;
    const headers = call.account && !call.isSearch ? limits.headers(call.account.token, call.at) : [];
    void deliver(call, res, { reply: shown, limits: headers, faults }).then((whole) => {
      if (untrue || !whole) markLost(reply);
    });
  }
}

/** What was done stays done, but the caller was not told. */
function markLost(reply: Reply): void {
  for (const deal of reply.wrote) deal.lost++;
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

/** Hands over the whole body as text; a body that breaks off is dropped, one over the cap breaks the connection. */
function readText(req: IncomingMessage, done: (text: string) => void): void {
  const chunks: Buffer[] = [];
  let size = 0;
  req.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.length;
    if (size > MOST_BODY_BYTES) req.socket.destroy();
  });
  req.on('end', () => done(chunks.length === 1 ? String(chunks[0]) : Buffer.concat(chunks).toString()));
}

function parseSettings(given: unknown): Settings {
  const parsed = Settings.safeParse(given);
  if (parsed.success) return parsed.data;
  throw new UpriverError('CONFIG_SANDBOX', `the practice HubSpot cannot be set so: ${z.prettifyError(parsed.error)}`, {
    hint: 'see docs/sandbox.md for the settings and their values',
  });
}

function listenError(error: NodeJS.ErrnoException, port: number): unknown {
  if (error.code !== 'EADDRINUSE') return error;
  return new UpriverError('CONFIG_PORT_IN_USE', `port ${port} is taken by another program`, {
    hint: 'name another port, or 0 for any that is free',
    context: { port },
    cause: error,
  });
}
