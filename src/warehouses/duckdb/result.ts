/** A DuckDB result as it streams. */
import { isNativeError } from 'node:util/types';
import type { DuckDBConnection, DuckDBPreparedStatement, DuckDBResult } from '@duckdb/node-api';
import { UpriverError } from '../../core/errors.ts';
import type { StatementWatch } from '../statement-watch.ts';
import type { Column, ResultStream } from '../warehouse.ts';
import { rowWriter } from './cells.ts';
import { duckdbError } from './errors.ts';

export interface OpenResult {
  connection: DuckDBConnection;
  /** Kept to ask again for the message of an error that came in the middle of the stream. */
  prepared: DuckDBPreparedStatement;
  result: DuckDBResult;
  watch: StatementWatch;
}

/**
 * The connection is in a transaction of its own while the result is open. DuckDB's streams have a trap: an error in the
 * middle looks like the end of the rows (`fetchChunk` gives null for both, and the message is dropped). But it aborts
 * the transaction, so that is what is looked at before the end is believed.
 */
export function streamResult(open: OpenResult): ResultStream {
  const { connection, prepared, result, watch } = open;
  const types = result.columnTypes();
  const toRows = rowWriter(types);
  let state: 'open' | 'ended' = 'open';

  async function* batches(): AsyncGenerator<readonly string[]> {
    for (;;) {
      const chunk = await result.fetchChunk();
      watch.throwIfEnded();
      if (!chunk || chunk.rowCount === 0) break;
      yield toRows(chunk);
    }
    if (await isAborted(connection)) throw await lostError(open);
    state = 'ended';
    await connection.run('COMMIT');
  }

  return {
    columns: types.map(
      (type, index): Column => ({ name: result.columnName(index), type: type.alias ?? type.toString() }),
    ),
    async *batches() {
      try {
        yield* batches();
      } catch (error) {
        watch.throwIfEnded();
        throw duckdbError(error);
      }
    },
    async [Symbol.asyncDispose]() {
      watch[Symbol.dispose]();
      if (state === 'open') await abandon(connection, result);
      prepared.destroySync();
      state = 'ended';
    },
  };
}

/** A stream that is not read to its end would keep the database open until it is garbage collected. */
async function abandon(connection: DuckDBConnection, result: DuckDBResult): Promise<void> {
  connection.interrupt();
  while ((await result.fetchChunk())?.rowCount);
  await connection.run('ROLLBACK');
}

async function isAborted(connection: DuckDBConnection): Promise<boolean> {
  try {
    await connection.run('SELECT 1');
    return false;
  } catch (error) {
    if (isNativeError(error) && error.message.includes('transaction is aborted')) return true;
    throw error;
  }
}

/** Runs the statement once more, whole, only to hear its error. */
async function lostError(open: OpenResult): Promise<unknown> {
  await open.connection.run('ROLLBACK');
  await open.connection.run('BEGIN');
  try {
    await open.prepared.run();
  } catch (error) {
    open.watch.throwIfEnded();
    return error;
  }
  return new UpriverError(
    'REMOTE_WAREHOUSE_INTERRUPTED',
    'DuckDB ended the result before its last row and did not say why',
    {
      hint: 'Try again. If it happens again, look for what fails for some rows only (casts, memory).',
      retry: true,
    },
  );
}
