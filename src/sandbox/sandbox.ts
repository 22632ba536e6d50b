/** The practice HubSpot as a server: what can be asked of it and set on it from outside. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { UpriverError } from '../core/errors.ts';
import { Accounts } from './accounts.ts';
import { answerAdmin } from './admin.ts';
import type { World } from './call.ts';
import { type DealReport, DealStore } from './deals.ts';
import { FaultPlan } from './faults.ts';
import { type PropertyDefinition, PropertyStore } from './properties.ts';
import { type LimitsReport, RateLimits } from './rate-limits.ts';
import { readText, serve } from './serve.ts';
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

export class Sandbox {
  readonly #world: World;
  readonly #server: Server;
  readonly #logSize: number;
  #port: number;

  constructor(options: SandboxOptions) {
    const {
      port = 0,
      deals = 0,
      firstId = 1,
      properties: own,
      tokens,
      seed = 1,
      logSize = 1000,
      clock,
      ...rest
    } = options;
    this.#port = port;
    this.#logSize = logSize;
    const settings = parseSettings(rest);
    const properties = new PropertyStore(own);
    this.#world = {
      settings,
      limits: new RateLimits(settings.limits),
      faults: new FaultPlan(settings.faults, seed),
      tally: new Tally(logSize),
      number: 0,
      accounts: new Accounts(tokens),
      deals: new DealStore(properties),
      properties,
      seed,
      now: clock ?? (() => performance.timeOrigin + performance.now()),
    };
    this.seed({ first: firstId, count: deals });
    this.#server = createServer({ keepAliveTimeout: 120_000 }, (req, res) => {
      const { method = '', url = '' } = req;
      if (!url.startsWith('/_sandbox/')) serve(this.#world, req, res);
      else readText(req, (text) => void answerAdmin(this, { method, url, text }, res));
    });
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
    if ('faults' in given) this.#world.faults = new FaultPlan(settings.faults, this.#world.seed);
  }

  state(): SandboxState {
    const { tally, limits, deals } = this.#world;
    return { ...tally.report(), limits: limits.report(), deals: deals.totals() };
  }

  /** All counts at zero, the log empty, request numbers from 1, limits unused. Deals, their values and the settings stay. */
  reset(): void {
    const { settings, seed, deals } = this.#world;
    this.#world.tally = new Tally(this.#logSize);
    this.#world.number = 0;
    this.#world.limits = new RateLimits(settings.limits);
    this.#world.faults = new FaultPlan(settings.faults, seed);
    deals.resetCounts();
  }

  seed(input: SeedInput): void {
    const at = this.#world.now();
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
    return this.#world.tally.log(last);
  }
}

function parseSettings(given: unknown): Settings {
  const parsed = Settings.safeParse(given);
  if (parsed.success) return parsed.data;
  const wrong = parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`).join('; ');
  throw new UpriverError('CONFIG_SANDBOX', `the practice HubSpot cannot be set so: ${wrong}`, {
    hint: 'docs/sandbox.md has the settings and their values.',
  });
}

function listenError(error: NodeJS.ErrnoException, port: number): unknown {
  if (error.code !== 'EADDRINUSE') return error;
  return new UpriverError('CONFIG_PORT_IN_USE', `port ${port} is taken by another program`, {
    hint: 'Name another port, or 0 for any that is free.',
    context: { port },
    cause: error,
  });
}
