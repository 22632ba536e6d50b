/** DuckDB, the embedded warehouse: opens the files of a connection and gives sessions on them. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { UpriverError } from '../../core/errors.ts';
import { quoteName } from '../names.ts';
import type { Warehouse, WarehouseContext, WarehouseSession } from '../warehouse.ts';
import { duckdbError } from './errors.ts';
import { compatibilityMacros } from './macros.ts';
import { DuckdbSession } from './session.ts';

const MEMORY = ':memory:';
/** Nothing is downloaded by surprise. */
const OPTIONS = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };

interface DuckdbConfig {
  path: string;
  /** Database name in SQL → file. */
  attach?: Readonly<Record<string, string>>;
  /** Whether files that are not there are made. */
  create?: boolean;
}

/** One instance per file in a process: DuckDB's cache gives the same one to whoever opens the file again. */
export async function openDuckdb(context: WarehouseContext): Promise<Warehouse> {
  const config = context.config as unknown as DuckdbConfig;
  const path = fileOf(context, config, config.path);
  const attached = Object.entries(config.attach ?? {}).map(([alias, file]) => ({
    alias,
    file: fileOf(context, config, file),
  }));
  try {
    const instance = await DuckDBInstance.fromCache(path, OPTIONS);
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    for (const { alias, file } of attached) await attach(connection, alias, file);
    return new DuckdbWarehouse(instance, connection, path);
  } catch (error) {
    throw duckdbError(error);
  }
}

class DuckdbWarehouse implements Warehouse {
  readonly type = 'duckdb';
  readonly #instance: DuckDBInstance;
  /** Keeps attached files open between sessions. */
  readonly #keeper: DuckDBConnection;
  readonly #path: string;

  constructor(instance: DuckDBInstance, keeper: DuckDBConnection, path: string) {
    this.#instance = instance;
    this.#keeper = keeper;
    this.#path = path;
  }

  async session(): Promise<WarehouseSession> {
    const connection = await this.#instance.connect();
    await connection.run(compatibilityMacros());
    return new DuckdbSession(connection);
  }

  async check(): Promise<Record<string, string>> {
    const started = performance.now();
    const reader = await this.#keeper.runAndReadAll(
      `SELECT version(), current_database(), current_schema(), (SELECT string_agg(database_name, ', ' ORDER BY database_name)
         FROM duckdb_databases() WHERE NOT internal AND database_name <> current_database())`,
    );
    const latency = Math.round(performance.now() - started);
    const [version, database, schema, attached] = reader.getRows()[0] ?? [];
    return {
      server: `DuckDB ${version}`,
      file: this.#path,
      database: String(database),
      schema: String(schema),
      attached: attached === null ? 'none' : String(attached),
      latency: `${latency} ms`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.disconnectSync();
    this.#instance.closeSync();
  }
}

async function attach(connection: DuckDBConnection, alias: string, file: string): Promise<void> {
  await connection.run(`ATTACH IF NOT EXISTS '${file.replaceAll("'", "''")}' AS ${quoteName(alias)}`);
}

function fileOf(context: WarehouseContext, config: DuckdbConfig, path: string): string {
  if (path === MEMORY) return MEMORY;
  const file = resolve(context.projectDir, path);
  if (config.create || existsSync(file)) return file;
  throw new UpriverError('CONFIG_DUCKDB_MISSING', `connection ${context.name}: there is no DuckDB file ${file}`, {
    hint: 'Correct `path` or `attach` in connections.yaml (relative to the project), or add `create: true` to start with an empty file.',
    context: { connection: context.name, file },
  });
}
