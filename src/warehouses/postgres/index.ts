/** PostgreSQL: a pool of connections, a session on each. */
import pg from 'pg';
import type { Warehouse, WarehouseContext, WarehouseSession } from '../warehouse.ts';
import { postgresError } from './errors.ts';
import { openSession } from './session.ts';

const DEFAULT_CONNECTIONS = 10;
const CONNECT_MS = 15_000;
const IDLE_MS = 60_000;

interface PostgresConfig {
  url?: string;
  host?: string;
  port?: number | string;
  database?: string;
  username?: string;
  password?: string;
  /** First schema of the search path. */
  schema?: string;
  /** true: encrypted, the server's certificate checked against the machine's authorities. */
  ssl?: boolean | { ca?: string; cert?: string; key?: string; verify?: boolean };
  max_connections?: number;
}

export async function openPostgres(context: WarehouseContext): Promise<Warehouse> {
  return new PostgresWarehouse(context.config as unknown as PostgresConfig);
}

class PostgresWarehouse implements Warehouse {
  readonly type = 'postgres';
  readonly #pool: pg.Pool;
  readonly #config: PostgresConfig;

  constructor(config: PostgresConfig) {
    this.#config = config;
    const max = config.max_connections ?? DEFAULT_CONNECTIONS;
    this.#pool = new pg.Pool({ ...clientConfig(config), max, idleTimeoutMillis: IDLE_MS, Client: TimedClient });
    // An idle connection that breaks: the pool drops it, the next session gets a new one.
    this.#pool.on('error', () => {});
  }

  async session(): Promise<WarehouseSession> {
    try {
      return await openSession({
        client: await this.#pool.connect(),
        schema: this.#config.schema ?? null,
        cancel: (pid) => this.#cancel(pid),
      });
    } catch (error) {
      throw postgresError(error);
    }
  }

  async check(): Promise<Record<string, string>> {
    try {
      const started = performance.now();
      await this.#pool.query('SELECT 1');
      const latency = Math.round(performance.now() - started);
      const { rows } = await this.#pool.query<Record<string, string | null>>(
        `SELECT 'PostgreSQL ' || current_setting('server_version') AS server, current_database() AS database,
          current_schema() AS schema, current_user AS role,
          coalesce((SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid() AND ssl), 'off') AS tls`,
      );
      return { ...textsOf(rows[0] ?? {}), latency: `${latency} ms` };
    } catch (error) {
      throw postgresError(error);
    }
  }

  /** Over a connection of its own: those of the pool may all be busy. */
  async #cancel(pid: number): Promise<void> {
    const client = new TimedClient(clientConfig(this.#config));
    client.on('error', () => {});
    try {
      await client.connect();
      await client.query('SELECT pg_cancel_backend($1)', [pid]);
    } finally {
      await client.end();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }
}

function textsOf(row: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(Object.entries(row).map(([name, value]) => [name, value ?? 'none']));
}

function clientConfig(config: PostgresConfig): pg.ClientConfig {
  const { url, host, port, database, username, password } = config;
  const target = url
    ? { connectionString: urlFor(url, config.ssl) }
    : { host, port: Number(port ?? 5432), database, user: username, password };
  return {
    ...target,
    ...(config.ssl === undefined ? {} : { ssl: tlsOptions(config.ssl) }),
    application_name: 'upriver',
    keepAlive: true,
  };
}

/** Gives up connecting after a while. (The pool's own setting would also give up waiting for a connection that is in use.) */
class TimedClient extends pg.Client {
  constructor(config?: string | pg.ClientConfig) {
    super({ ...(config as pg.ClientConfig), connectionTimeoutMillis: CONNECT_MS });
  }
}

/** What the URL says of TLS gives way to `ssl`; without that it means what it means to psql, not what the driver makes of it. */
function urlFor(url: string, ssl: PostgresConfig['ssl']): string {
  if (!/[?&]ssl/.test(url) || !URL.canParse(url)) return url;
  const parsed = new URL(url);
  if (ssl === undefined) parsed.searchParams.set('uselibpqcompat', 'true');
  else for (const name of [...parsed.searchParams.keys()]) if (name.startsWith('ssl')) parsed.searchParams.delete(name);
  return parsed.href;
}

function tlsOptions(ssl: NonNullable<PostgresConfig['ssl']>): pg.ClientConfig['ssl'] {
  if (typeof ssl === 'boolean') return ssl && { rejectUnauthorized: true };
  const { verify = true, ...material } = ssl;
  return { ...material, rejectUnauthorized: verify };
}
