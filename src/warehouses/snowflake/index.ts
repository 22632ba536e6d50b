/** Snowflake: sessions with an account, kept for the next step, and what `connections test` tells of it. */
import { UpriverError } from '../../core/errors.ts';
import type { Warehouse, WarehouseContext, WarehouseSession } from '../warehouse.ts';
import { SnowflakeClient } from './client.ts';
import { Running } from './running.ts';
import { SnowflakeSession } from './session.ts';
import { connectionOptions } from './settings.ts';

/** Logins that wait for the next step. */
const MOST_IDLE = 4;
const FACTS = [
  'current_version()',
  'current_account()',
  'current_user()',
  'current_role()',
  'current_warehouse()',
  'current_database()',
  'current_schema()',
];

/** Nothing is sent before the first session. */
export async function openSnowflake(context: WarehouseContext): Promise<Warehouse> {
  return new SnowflakeWarehouse(context);
}

class SnowflakeWarehouse implements Warehouse {
  readonly type = 'snowflake';
  readonly #context: WarehouseContext;
  readonly #options: ReturnType<typeof connectionOptions>;
  readonly #idle: SnowflakeClient[] = [];
  #closed = false;

  constructor(context: WarehouseContext) {
    this.#context = context;
    this.#options = connectionOptions(context);
  }

  async session(): Promise<WarehouseSession> {
    const client = await this.#client();
    return new SnowflakeSession(client, (reusable) => this.#release(client, reusable));
  }

  async check(): Promise<Record<string, string>> {
    await using client = await this.#client();
    const tag = { run: 'check', river: 'check', step: 'check' };
    await using running = new Running(client, { signal: new AbortController().signal, timeoutMs: null, tag });
    const [facts] = await running.quick({ text: `SELECT ${FACTS.join(', ')}`, binds: [] });
    const started = performance.now();
    await running.quick({ text: 'SELECT 1', binds: [] });
    const latency = Math.round(performance.now() - started);
    const [version, account, user, role, warehouse, database, schema] = facts ?? [];
    this.#mustHave('warehouse', warehouse);
    this.#mustHave('database', database);
    this.#mustHave('schema', schema);
    if (warehouse) await this.#mustWork(warehouse, running);
    return {
      server: `Snowflake ${version}`,
      account: String(account),
      user: String(user),
      role: role ?? 'none',
      warehouse: warehouse ?? 'none',
      database: database ?? 'none',
      schema: schema ?? 'none',
      latency: `${latency} ms`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closed = true;
    await Promise.all(this.#idle.splice(0).map((client) => client[Symbol.asyncDispose]()));
  }

  async #client(): Promise<SnowflakeClient> {
    return this.#idle.pop() ?? SnowflakeClient.open({ name: this.#context.name, options: this.#options });
  }

  async #release(client: SnowflakeClient, reusable: boolean): Promise<void> {
    const alive = await client.session.then(
      () => true,
      () => false,
    );
    if (reusable && alive && !this.#closed && this.#idle.length < MOST_IDLE) this.#idle.push(client);
    else await client[Symbol.asyncDispose]();
  }

  /** `select 1` needs no warehouse, so it does not tell. To a role that may not see it, nothing is shown. */
  async #mustWork(warehouse: string, running: Running): Promise<void> {
    const text = `SHOW WAREHOUSES LIKE '${warehouse.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
    const shown = await running.records({ text, binds: [] }).catch(() => []);
    const found = shown.find(({ name }) => name === warehouse);
    if (!/^suspend/i.test(found?.state ?? '') || !/^false$/i.test(found?.auto_resume ?? '')) return;
    const message = `connection ${this.#context.name}: the warehouse ${warehouse} is suspended, and does not resume by itself`;
    throw new UpriverError('CONFIG_SNOWFLAKE_WAREHOUSE', message, {
      hint: `alter warehouse ${warehouse} set auto_resume = true; (or: alter warehouse ${warehouse} resume;)`,
      context: { connection: this.#context.name },
    });
  }

  /** Snowflake lets a login in that names a warehouse or database which is not there; the session just has none. */
  #mustHave(field: 'warehouse' | 'database' | 'schema', found: string | null | undefined): void {
    const wanted = this.#options[field];
    if (wanted === undefined || (found ?? null) !== null) return;
    const code = field === 'warehouse' ? 'CONFIG_SNOWFLAKE_WAREHOUSE' : 'CONFIG_WAREHOUSE_DATABASE';
    throw new UpriverError(code, `connection ${this.#context.name}: there is no ${field} "${wanted}" for its role`, {
      hint: `Check the name in connections.yaml, and grant usage on ${field} ${wanted} to the role.`,
      context: { connection: this.#context.name },
    });
  }
}
