/** DuckDB, the embedded warehouse: opens the files of a connection and gives sessions on them. */
import { type DuckDBConnection, DuckDBInstance } from '@duckdb/node-api';
import { quoteName } from '../names.ts';
import type { Warehouse, WarehouseContext, WarehouseSession } from '../warehouse.ts';
import { duckdbError } from './errors.ts';
import { askAboutFiles, type DatabaseFile, filesOf } from './files.ts';
import { compatibilityMacros } from './macros.ts';
import { DuckdbSession } from './session.ts';

/** Nothing is downloaded by surprise. */
const OPTIONS = { autoinstall_known_extensions: 'false', autoload_known_extensions: 'false' };

/** One instance per file in a process: DuckDB's cache gives the same one to whoever opens the file again. */
export async function openDuckdb(context: WarehouseContext): Promise<Warehouse> {
  const files = filesOf(context);
  const [own, ...attached] = files;
  try {
    const instance = await DuckDBInstance.fromCache(own.opened, OPTIONS);
    const connection = await instance.connect();
    await connection.run("SET GLOBAL TimeZone = 'UTC'");
    for (const file of attached) await attach(connection, file);
    return new DuckdbWarehouse(instance, connection, files);
  } catch (error) {
    throw duckdbError(error);
  }
}

class DuckdbWarehouse implements Warehouse {
  readonly type = 'duckdb';
  readonly #instance: DuckDBInstance;
  /** Keeps attached files open between sessions. */
  readonly #keeper: DuckDBConnection;
  readonly #files: readonly [DatabaseFile, ...DatabaseFile[]];

  constructor(instance: DuckDBInstance, keeper: DuckDBConnection, files: readonly [DatabaseFile, ...DatabaseFile[]]) {
    this.#instance = instance;
    this.#keeper = keeper;
    this.#files = files;
  }

  async session(): Promise<WarehouseSession> {
    const connection = await this.#instance.connect();
    await connection.run(compatibilityMacros());
    return new DuckdbSession(connection, () => askAboutFiles(this.#keeper, this.#files));
  }

  async check(): Promise<Record<string, string>> {
    const started = performance.now();
    const reader = await this.#keeper.runAndReadAll(
      `SELECT version(), current_database(), current_schema(), (SELECT string_agg(database_name, ', ' ORDER BY database_name)
         FROM duckdb_databases() WHERE NOT internal AND database_name <> current_database())`,
    );
    const latency = Math.round(performance.now() - started);
    const [version, database, schema, attached] = reader.getRows()[0] ?? [];
    const absent = this.#files.filter(({ opened, path }) => opened !== path);
    return {
      server: `DuckDB ${version}`,
      file: this.#files[0].path,
      ...(!absent.includes(this.#files[0]) && { database: String(database), schema: String(schema) }),
      attached: attached === null ? 'none' : String(attached),
      ...(absent.length > 0 && {
        'not there yet': `${absent.map(({ path }) => path).join(', ')}: made when a river needs it`,
      }),
      latency: `${latency} ms`,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.disconnectSync();
    this.#instance.closeSync();
  }
}

async function attach(connection: DuckDBConnection, { alias, opened }: DatabaseFile): Promise<void> {
  await connection.run(`ATTACH IF NOT EXISTS '${opened.replaceAll("'", "''")}' AS ${quoteName(alias ?? '')}`);
}
