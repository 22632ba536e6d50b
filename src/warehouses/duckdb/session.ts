/** One step's session on DuckDB: a connection of its own, the Snowflake macros loaded. */
import {
  type DuckDBConnection,
  type DuckDBMaterializedResult,
  type DuckDBPreparedStatement,
  type DuckDBResult,
  ResultReturnType,
  StatementType,
} from '@duckdb/node-api';
import type { TableTarget } from '../../contracts/plan.ts';
import { givesNoRows, type RenderedSql, renderOne, renderScript } from '../bound-sql.ts';
import { watchStatement } from '../statement-watch.ts';
import type { BoundSql, ResultStream, RowsToWrite, StatementOptions, WarehouseSession } from '../warehouse.ts';
import { bindAll, DUCKDB_BINDS } from './binds.ts';
import { duckdbErrorAsking } from './errors.ts';
import { streamResult } from './result.ts';
import { stageRows } from './stage.ts';
import { applyQuery } from './target.ts';

export class DuckdbSession implements WarehouseSession {
  readonly #connection: DuckDBConnection;
  /** What to ask where a table is not found, if anything. */
  readonly #ask: () => Promise<string | null>;

  constructor(connection: DuckDBConnection, ask: () => Promise<string | null>) {
    this.#connection = connection;
    this.#ask = ask;
  }

  async query(statement: BoundSql, options: StatementOptions): Promise<ResultStream> {
    const connection = this.#connection;
    const watch = watchStatement(options, () => connection.interrupt());
    let prepared: DuckDBPreparedStatement | undefined;
    try {
      watch.throwIfEnded();
      await connection.run('BEGIN');
      prepared = await prepareOne(connection, renderOne(statement, DUCKDB_BINDS, 'duckdb'));
      const result = await start(connection, prepared);
      if (result.returnType !== ResultReturnType.QUERY_RESULT) throw givesNoRows();
      return streamResult({ connection, prepared, result, watch });
    } catch (error) {
      prepared?.destroySync();
      await rollback(connection);
      watch[Symbol.dispose]();
      watch.throwIfEnded();
      throw await duckdbErrorAsking(error, this.#ask);
    }
  }

  async script(statement: BoundSql, options: StatementOptions): Promise<void> {
    await this.#watched(options, async (throwIfEnded) => {
      for (const each of renderScript(statement, DUCKDB_BINDS, 'duckdb')) {
        throwIfEnded();
        await this.#run(each.text, each.binds).catch(async (error) => {
          throw await duckdbErrorAsking(error, this.#ask, each.lines);
        });
      }
    });
  }

  async writeTable(
    statement: BoundSql,
    target: TableTarget,
    options: StatementOptions,
  ): Promise<{ rows: number | null }> {
    const rendered = renderOne(statement, DUCKDB_BINDS, 'duckdb');
    const rows = await this.#transaction(options, async () => {
      (await prepareOne(this.#connection, rendered)).destroySync();
      return applyQuery({ run: this.#run.bind(this), query: rendered, target, tag: options.tag });
    });
    return { rows };
  }

  async writeRows(rows: RowsToWrite, target: TableTarget, options: StatementOptions): Promise<{ rows: number }> {
    const written = await this.#transaction(options, async (throwIfEnded) => {
      const text = await stageRows(this.#connection, rows, throwIfEnded);
      return applyQuery({ run: this.#run.bind(this), query: { text, binds: [] }, target, tag: options.tag });
    });
    return { rows: written };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#connection.disconnectSync();
  }

  async #run(text: string, binds: RenderedSql['binds'] = []): Promise<DuckDBMaterializedResult> {
    const prepared = await prepareOne(this.#connection, { text, binds });
    try {
      return await prepared.run();
    } finally {
      prepared.destroySync();
    }
  }

  async #transaction<T>(options: StatementOptions, work: (throwIfEnded: () => void) => Promise<T>): Promise<T> {
    return this.#watched(options, async (throwIfEnded) => {
      await this.#connection.run('BEGIN');
      try {
        const result = await work(throwIfEnded);
        throwIfEnded();
        await this.#connection.run('COMMIT');
        return result;
      } catch (error) {
        await rollback(this.#connection);
        throw error;
      }
    });
  }

  async #watched<T>(options: StatementOptions, work: (throwIfEnded: () => void) => Promise<T>): Promise<T> {
    using watch = watchStatement(options, () => this.#connection.interrupt());
    watch.throwIfEnded();
    try {
      return await work(watch.throwIfEnded);
    } catch (error) {
      watch.throwIfEnded();
      throw await duckdbErrorAsking(error, this.#ask);
    }
  }
}

/**
 * Queries stream. What changes rows and gives some back (`insert … returning`) is done and committed as a whole first,
 * since it must not depend on how much of the result is read.
 */
async function start(connection: DuckDBConnection, prepared: DuckDBPreparedStatement): Promise<DuckDBResult> {
  if (prepared.statementType === StatementType.SELECT) return prepared.stream();
  const result = await prepared.run();
  if (result.returnType === ResultReturnType.QUERY_RESULT) await connection.run('COMMIT; BEGIN');
  return result;
}

/** DuckDB makes several statements of some (`pivot`): all but the last are run here. */
async function prepareOne(connection: DuckDBConnection, sql: RenderedSql): Promise<DuckDBPreparedStatement> {
  const parts = await connection.extractStatements(sql.text);
  for (let index = 0; index < parts.count - 1; index += 1) await (await parts.prepare(index)).run();
  const prepared = await parts.prepare(parts.count - 1);
  try {
    bindAll(prepared, sql.binds);
    return prepared;
  } catch (error) {
    prepared.destroySync();
    throw error;
  }
}

async function rollback(connection: DuckDBConnection): Promise<void> {
  try {
    await connection.run('ROLLBACK');
  } catch {
    // No transaction is open: the user's own statement has ended it.
  }
}
