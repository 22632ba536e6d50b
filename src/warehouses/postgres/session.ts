/** One step's session on PostgreSQL: one connection of the pool, its settings made what the results need. */
import pg from 'pg';
import Cursor from 'pg-cursor';
import type { TableTarget } from '../../contracts/plan.ts';
import type { Value } from '../../core/values.ts';
import { givesNoRows, renderOne, renderScript } from '../bound-sql.ts';
import { type StatementWatch, watchStatement } from '../statement-watch.ts';
import type { BoundSql, ResultStream, RowsToWrite, StatementOptions, WarehouseSession } from '../warehouse.ts';
import { bindText, POSTGRES_BINDS } from './binds.ts';
import { cellWriters } from './cells.ts';
import { type Origin, postgresError } from './errors.ts';
import { type Cells, FIRST_ROWS, readBatch, streamResult } from './result.ts';
import { stageRows } from './stage.ts';
import { applyStage, CREATE_STAGE, type Run } from './target.ts';

/** ISO dates in UTC, floats to their last digit, bytes in hex; a statement whose client has died ends by itself. */
const SETTINGS = `SET TimeZone = 'UTC'; SET DateStyle = 'ISO, YMD'; SET IntervalStyle = 'postgres';
  SET extra_float_digits = 1; SET bytea_output = 'hex';
  SELECT set_config(name, '5s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'`;
const ARRAY_TYPES = `SELECT oid::int, typelem::int AS element, pg_backend_pid() AS pid
  FROM pg_type WHERE typcategory = 'A' AND typelem <> 0`;

/** Declared for parsers of the driver's own types only. */
type GetTypeParser = pg.CustomTypesConfig['getTypeParser'];

interface Opening {
  client: pg.PoolClient;
  /** First schema of the search path; null: the server's own. */
  schema: string | null;
  /** Ends what the server process with this id runs now. */
  cancel: (pid: number) => Promise<void>;
}

export async function openSession({ client, schema, cancel }: Opening): Promise<WarehouseSession> {
  try {
    await client.query(SETTINGS);
    if (schema !== null) {
      await client.query(`SELECT set_config('search_path', quote_ident($1) || ', public', false)`, [schema]);
    }
    const { rows } = await client.query<{ oid: number; element: number; pid: number }>(ARRAY_TYPES);
    const writers = cellWriters(new Map(rows.map(({ oid, element }) => [oid, element])));
    return new PostgresSession(client, { getTypeParser: writers as GetTypeParser }, () => cancel(rows[0]?.pid ?? 0));
  } catch (error) {
    client.release(true);
    throw error;
  }
}

class PostgresSession implements WarehouseSession {
  readonly #client: pg.PoolClient;
  readonly #types: pg.CustomTypesConfig;
  readonly #cancelServer: () => Promise<void>;
  #cancelling: Promise<void> | null = null;
  #broken = false;

  constructor(client: pg.PoolClient, types: pg.CustomTypesConfig, cancelServer: () => Promise<void>) {
    this.#client = client;
    this.#types = types;
    this.#cancelServer = cancelServer;
    client.on('error', this.#onBroken);
  }

  async query(statement: BoundSql, options: StatementOptions): Promise<ResultStream> {
    const sql = renderOne(statement, POSTGRES_BINDS, 'postgres');
    const watch = watchStatement(options, this.#cancel);
    const fail = async (error: unknown): Promise<never> => {
      await this.#rollback(watch);
      watch.throwIfEnded();
      throw postgresError(error, { text: sql.text, prefix: 0, lines: sql.lines });
    };
    const end = async () => {
      watch[Symbol.dispose]();
      await this.#client.query('COMMIT');
    };
    try {
      watch.throwIfEnded();
      await this.#begin(options);
      const cursor = new Cursor<Cells>(sql.text, sql.binds.map(bindText), { rowMode: 'array', types: this.#types });
      this.#client.query(cursor);
      const first = await readBatch(cursor, FIRST_ROWS);
      if (first.fields.length === 0) throw givesNoRows();
      return streamResult({ cursor, first, end, fail });
    } catch (error) {
      return fail(error);
    }
  }

  async script(statement: BoundSql, options: StatementOptions): Promise<void> {
    const statements = renderScript(statement, POSTGRES_BINDS, 'postgres');
    await this.#watched(options, async (watch) => {
      await this.#client.query(this.#nameSql(options));
      for (const { text, binds, lines } of statements) {
        watch.throwIfEnded();
        await this.#runUsers({ text, prefix: 0, lines }, binds);
      }
    });
  }

  async writeTable(statement: BoundSql, target: TableTarget, options: StatementOptions): Promise<{ rows: number }> {
    const { text, binds, lines } = renderOne(statement, POSTGRES_BINDS, 'postgres');
    return this.#watched(options, async () => {
      await this.#begin(options);
      await this.#runUsers({ text: CREATE_STAGE + text, prefix: CREATE_STAGE.length, lines }, binds);
      return this.#apply(target, options);
    });
  }

  async writeRows(rows: RowsToWrite, target: TableTarget, options: StatementOptions): Promise<{ rows: number }> {
    return this.#watched(options, async (watch) => {
      await this.#begin(options);
      await this.#run(CREATE_STAGE + (await stageRows(this.#run, rows, watch.throwIfEnded)));
      watch.throwIfEnded();
      return this.#apply(target, options);
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#broken) await this.#client.query('DISCARD ALL').catch(this.#onBroken);
    this.#client.off('error', this.#onBroken);
    this.#client.release(this.#broken);
  }

  async #apply(target: TableTarget, options: StatementOptions): Promise<{ rows: number }> {
    const rows = await applyStage({ run: this.#run, target, tag: options.tag });
    await this.#run('COMMIT');
    return { rows };
  }

  readonly #run: Run = (text, values) => this.#client.query(text, values as unknown[] | undefined);

  async #runUsers(origin: Origin, binds: readonly Value[]): Promise<void> {
    try {
      await this.#client.query(origin.text, binds.map(bindText));
    } catch (error) {
      throw postgresError(error, origin);
    }
  }

  async #watched<T>(options: StatementOptions, work: (watch: StatementWatch) => Promise<T>): Promise<T> {
    using watch = watchStatement(options, this.#cancel);
    try {
      watch.throwIfEnded();
      return await work(watch);
    } catch (error) {
      await this.#rollback(watch);
      watch.throwIfEnded();
      throw postgresError(error);
    }
  }

  async #begin(options: StatementOptions): Promise<void> {
    await this.#client.query(`${this.#nameSql(options)}; BEGIN`);
  }

  /** What administrators see in pg_stat_activity; PostgreSQL keeps 63 bytes. */
  #nameSql({ tag }: StatementOptions): string {
    return `SET application_name = ${pg.escapeLiteral(`upriver ${tag.run}/${tag.step}`.slice(0, 63))}`;
  }

  readonly #cancel = (): void => {
    this.#cancelling ??= this.#cancelServer()
      // The server cannot be reached: cut the connection, or the statement would never end here.
      .catch(() => this.#client.end())
      .catch(this.#onBroken)
      .finally(() => {
        this.#cancelling = null;
      });
  };

  /** A cancel under way may still hit what comes next, so it is waited for, and the rollback tried again. */
  async #rollback(watch: StatementWatch): Promise<void> {
    watch[Symbol.dispose]();
    await this.#cancelling;
    if (this.#broken) return;
    const rollback = () => this.#client.query('ROLLBACK');
    await rollback().catch(rollback).catch(this.#onBroken);
  }

  readonly #onBroken = (): void => {
    this.#broken = true;
  };
}
