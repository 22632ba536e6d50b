/** DuckDB in Snowflake's place: runs statements and keeps their results as Snowflake would send them. */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import {
  type DuckDBConnection,
  DuckDBInstance,
  type DuckDBPreparedStatement,
  DuckDBTypeId,
  LIST,
  StatementType,
  VARCHAR,
} from '@duckdb/node-api';
import { compatibilityMacros } from '../../../src/warehouses/duckdb/macros.ts';
import { toDuckdb } from './dialect.ts';
import { type WireColumn, wireColumn, wireType } from './wire.ts';

/** As the driver sends them; the number or name of the placeholder is the key. */
export type Bindings = Readonly<Record<string, { type: string; value: string | null | (string | null)[] }>>;

export interface EngineResult {
  columns: WireColumn[];
  total: number;
  /** Rows joined by commas, without outer brackets, compressed. */
  chunks: { rows: number; gzipped: Buffer }[];
}

const CHUNK_ROWS = 10_000;
const compress = promisify(gzip);
const OWN_MACROS = `CREATE OR REPLACE TEMP MACRO to_binary(x, f) AS unhex(x);`;

export class Engine implements AsyncDisposable {
  readonly #instance: DuckDBInstance;
  readonly #keeper: DuckDBConnection;

  private constructor(instance: DuckDBInstance, keeper: DuckDBConnection) {
    this.#instance = instance;
    this.#keeper = keeper;
  }

  static async open(databases: readonly string[]): Promise<Engine> {
    const instance = await DuckDBInstance.create(':memory:', {
      autoinstall_known_extensions: 'false',
      autoload_known_extensions: 'false',
    });
    const keeper = await instance.connect();
    await keeper.run("SET GLOBAL TimeZone = 'UTC'");
    for (const name of databases) await keeper.run(`ATTACH ':memory:' AS "${name}"; CREATE SCHEMA "${name}"."PUBLIC"`);
    return new Engine(instance, keeper);
  }

  /** DuckDB's own SQL, to fill tables before a test. */
  async seed(sql: string): Promise<void> {
    await this.#keeper.run(sql);
  }

  async session(): Promise<EngineSession> {
    const connection = await this.#instance.connect();
    await connection.run(compatibilityMacros() + OWN_MACROS);
    return new EngineSession(connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#keeper.closeSync();
    this.#instance.closeSync();
  }
}

export class EngineSession {
  readonly #connection: DuckDBConnection;
  /** Full names of temporary tables: DuckDB has them in no schema but its own. */
  readonly #temporary = new Map<string, string>();

  constructor(connection: DuckDBConnection) {
    this.#connection = connection;
  }

  async use(database: string, schema: string): Promise<boolean> {
    const found = await this.#connection.runAndReadAll(
      `SELECT 1 FROM duckdb_schemas() WHERE upper(database_name) = upper('${database}') AND upper(schema_name) = upper('${schema}')`,
    );
    if (found.currentRowCount === 0) return false;
    await this.#connection.run(`USE "${database}"."${schema}"`);
    return true;
  }

  async run(sql: string, bindings: Bindings): Promise<EngineResult> {
    const text = this.#withoutTemporarySchemas(toDuckdb(sql));
    if (Object.values(bindings).some(({ value }) => Array.isArray(value))) return this.#insertMany(text, bindings);
    const prepared = await this.#connection.prepare(text);
    try {
      if (prepared.statementType !== StatementType.SELECT) return await report(prepared, bindings);
      if (!isUntyped(prepared)) return await this.#select(text, prepared, bindings);
    } finally {
      prepared.destroySync();
    }
    return this.#selectUntyped(text, bindings);
  }

  /** A column that is only a bound value has its type when the value is there. */
  async #selectUntyped(text: string, bindings: Bindings): Promise<EngineResult> {
    const table = await this.#connection.prepare(`CREATE OR REPLACE TEMP TABLE untyped_ AS ${text}`);
    bind(table, bindings);
    await table.run();
    table.destroySync();
    return this.run('SELECT * FROM "untyped_"', {});
  }

  async rollback(): Promise<void> {
    await this.#connection.run('ROLLBACK').catch(() => {});
  }

  interrupt(): void {
    this.#connection.interrupt();
  }

  close(): void {
    this.#connection.closeSync();
  }

  /** The texts are made in DuckDB, which is what makes a million rows cheap. */
  async #select(text: string, described: DuckDBPreparedStatement, bindings: Bindings): Promise<EngineResult> {
    const types = Array.from({ length: described.columnCount }, (_, index) => wireType(described.columnType(index)));
    const columns = types.map((type, index) => wireColumn(described.columnName(index), type));
    const names = types.map((_, index) => `c${index}`);
    const cells = types.map((type, index) => type.text(`c${index}`)).join(', ');
    const prepared = await this.#connection.prepare(
      `SELECT json_array(${cells})::VARCHAR FROM (${text}\n) AS q(${names.join(', ')})`,
    );
    try {
      bind(prepared, bindings);
      const result = await prepared.run();
      const rows = (await result.getColumns())[0] as string[] | undefined;
      return { columns, total: rows?.length ?? 0, chunks: await chunked(rows ?? []) };
    } finally {
      prepared.destroySync();
    }
  }

  /** The driver's bulk insert: an array for each column. */
  async #insertMany(text: string, bindings: Bindings): Promise<EngineResult> {
    const columns = Object.values(bindings);
    const lists = columns.map((_, index) => `unnest($${index + 1})`).join(', ');
    const prepared = await this.#connection.prepare(text.replace(/VALUES \(.*\)$/s, `SELECT ${lists}`));
    for (const [index, { value }] of columns.entries()) prepared.bindList(index + 1, value as string[], LIST(VARCHAR));
    const { rowsChanged } = await prepared.run();
    prepared.destroySync();
    return counted('number of rows inserted', rowsChanged);
  }

  #withoutTemporarySchemas(text: string): string {
    const created = /^\s*CREATE (?:OR REPLACE )?TEMP(?:ORARY)? TABLE ((?:"[^"]+"\.)+("[^"]+"))/.exec(text);
    if (created) this.#temporary.set(created[1] as string, created[2] as string);
    return [...this.#temporary].reduce((out, [full, short]) => out.replaceAll(full, short), text);
  }
}

function isUntyped(prepared: DuckDBPreparedStatement): boolean {
  const types = Array.from({ length: prepared.columnCount }, (_, index) => prepared.columnTypeId(index));
  return types.length === 0 || types.includes(DuckDBTypeId.INVALID);
}

async function report(prepared: DuckDBPreparedStatement, bindings: Bindings): Promise<EngineResult> {
  bind(prepared, bindings);
  const type = prepared.statementType;
  const result = await prepared.run();
  if (type === StatementType.INSERT) return counted('number of rows inserted', result.rowsChanged);
  if (type === StatementType.UPDATE) return counted('number of rows updated', result.rowsChanged);
  if (type === StatementType.DELETE) return counted('number of rows deleted', result.rowsChanged);
  if (type === StatementType.MERGE_INTO) return counted('number of rows inserted', result.rowsChanged);
  const columns = [wireColumn('status', { type: 'text', text: String })];
  return { columns, total: 1, chunks: await chunked(['["Statement executed successfully."]']) };
}

async function counted(name: string, rows: number): Promise<EngineResult> {
  const columns = [wireColumn(name, { type: 'fixed', scale: 0, precision: 38, text: String })];
  return { columns, total: 1, chunks: await chunked([`["${rows}"]`]) };
}

async function chunked(rows: readonly string[]): Promise<EngineResult['chunks']> {
  const chunks = [];
  for (let start = 0; start < rows.length; start += CHUNK_ROWS) {
    const part = rows.slice(start, start + CHUNK_ROWS);
    chunks.push({ rows: part.length, gzipped: await compress(part.join(','), { level: 1 }) });
  }
  return chunks;
}

/** A statement of several takes those that it names. */
function bind(prepared: DuckDBPreparedStatement, bindings: Bindings): void {
  for (let index = 1; index <= prepared.parameterCount; index += 1) {
    const given = bindings[prepared.parameterName(index).replace(/^p/i, '')];
    if (!given) throw new Error(`Parser Error: no value was bound to :${prepared.parameterName(index)}`);
    const { type, value } = given;
    if (value === null || Array.isArray(value)) prepared.bindNull(index);
    else if (type === 'FIXED') prepared.bindValue(index, whole(BigInt(value)));
    else if (type === 'REAL') prepared.bindDouble(index, Number(value));
    else if (type === 'BOOLEAN') prepared.bindBoolean(index, value === 'true');
    else prepared.bindValue(index, value);
  }
}

function whole(value: bigint): number | bigint {
  return value >= -(2n ** 31n) && value < 2n ** 31n ? Number(value) : value;
}
