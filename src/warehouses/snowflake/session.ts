/** One step's session on Snowflake. */
import type { TableTarget } from '../../contracts/plan.ts';
import { UpriverError } from '../../core/errors.ts';
import { givesNoRows, renderOne, renderScript, renderWhole } from '../bound-sql.ts';
import type { BoundSql, ResultStream, RowsToWrite, StatementOptions, WarehouseSession } from '../warehouse.ts';
import { SNOWFLAKE_BINDS } from './binds.ts';
import type { SnowflakeClient } from './client.ts';
import { statementError } from './errors.ts';
import { STALL_MS, streamResult } from './result.ts';
import { Running } from './running.ts';
import { stageRows } from './stage.ts';
import { applyQuery } from './target.ts';

/** Comments, and what else may stand before a statement's first word. */
const BEFORE_WORD = /^(?:\s|\(|--[^\n]*\n?|\/\/[^\n]*\n?|\/\*[\s\S]*?\*\/)*/;
/** Statements that Snowflake answers with a report instead of rows. It commits each at once, so they are told before. */
const NO_QUERY =
  /^(create|alter|drop|undrop|truncate|insert|update|delete|merge|copy|put|get|remove|rm|grant|revoke|use|set|unset|begin|start|commit|rollback|comment)\b/i;

export class SnowflakeSession implements WarehouseSession {
  readonly #client: SnowflakeClient;
  readonly #release: (reusable: boolean) => Promise<void>;
  /** A script may have left settings, variables or a transaction behind. */
  #pristine = true;

  constructor(client: SnowflakeClient, release: (reusable: boolean) => Promise<void>) {
    this.#client = client;
    this.#release = release;
  }

  async query(statement: BoundSql, options: StatementOptions): Promise<ResultStream> {
    const sql = renderOne(statement, SNOWFLAKE_BINDS, 'snowflake');
    if (NO_QUERY.test(sql.text.replace(BEFORE_WORD, ''))) throw givesNoRows();
    const running = new Running(this.#client, options);
    try {
      const query = await running.run({ ...sql, part: 'query' });
      return streamResult(await running.result(query), { running, stallMs: STALL_MS });
    } catch (error) {
      await running[Symbol.asyncDispose]();
      running.throwIfEnded();
      throw statementError(error);
    }
  }

  /** One request, so that Snowflake carries it to its end whatever becomes of this process. */
  async script(statement: BoundSql, options: StatementOptions): Promise<void> {
    // For what it refuses: a script without a statement.
    renderScript(statement, SNOWFLAKE_BINDS, 'snowflake');
    const sql = renderWhole(statement, SNOWFLAKE_BINDS);
    this.#pristine = false;
    await this.#running(options, (running) =>
      running.run({ ...sql, part: 'script', parameters: { MULTI_STATEMENT_COUNT: 0 } }),
    );
  }

  async writeTable(
    statement: BoundSql,
    target: TableTarget,
    options: StatementOptions,
  ): Promise<{ rows: number | null }> {
    const query = renderOne(statement, SNOWFLAKE_BINDS, 'snowflake');
    const rows = await this.#running(options, (running) => applyQuery({ running, query, target, tag: options.tag }));
    return { rows };
  }

  async writeRows(rows: RowsToWrite, target: TableTarget, options: StatementOptions): Promise<{ rows: number }> {
    const session = this.#client.session;
    this.#pristine = false;
    const written = await this.#running(options, async (running) => {
      try {
        const query = await stageRows(running, rows, target);
        return await applyQuery({ running, query, target, tag: options.tag });
      } catch (error) {
        throw this.#client.session === session ? error : sessionLost(error);
      }
    });
    return { rows: written };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#release(this.#pristine);
  }

  async #running<T>(options: StatementOptions, work: (running: Running) => Promise<T>): Promise<T> {
    await using running = new Running(this.#client, options);
    try {
      return await work(running);
    } catch (error) {
      running.throwIfEnded();
      throw statementError(error);
    }
  }
}

function sessionLost(cause: unknown): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_INTERRUPTED', 'the session ended before all rows were written', {
    hint: 'Its temporary table is gone with it; the step is tried again from the start.',
    retry: true,
    cause,
  });
}
