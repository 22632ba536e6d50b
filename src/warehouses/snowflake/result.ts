/** A Snowflake result as it streams. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { UpriverError } from '../../core/errors.ts';
import type { ResultStream } from '../warehouse.ts';
import { columnsOf, rowWriter } from './cells.ts';
import { statementError } from './errors.ts';
import type { Running } from './running.ts';
import type { RowStatement } from './sdk.ts';

const BATCH_ROWS = 1_000;
/** The driver tries a piece of a result again for minutes; some of its errors leave it silent for ever. */
export const STALL_MS = 300_000;

type RawRow = readonly (string | null)[];

interface Reading {
  running: Running;
  /** How long to wait for rows. */
  stallMs: number;
}

export function streamResult(statement: RowStatement, { running, stallMs }: Reading): ResultStream {
  const toRow = rowWriter(statement);
  let source: string | undefined = statement.getQueryId();
  let open: Readable | null = null;
  const stop = () => open?.destroy();
  running.ended.addEventListener('abort', stop, { once: true });

  async function* batches(from: number): AsyncGenerator<readonly string[]> {
    // Pieces of the result that end before this row are not downloaded.
    const rows: Readable = statement.streamRows({ start: from });
    open = rows;
    // The driver tells of an error without ending the stream, perhaps while nobody reads.
    let failure: Error | null = null;
    rows.on('error', (error) => {
      failure = error;
    });
    let read = from;
    for (;;) {
      running.throwIfEnded();
      const batch = take(rows, toRow);
      read += batch.length;
      if (batch.length > 0) yield batch;
      else if (failure) throw failure;
      else if (rows.readableEnded) break;
      else if ((await more(rows, stallMs)) === 'stalled') throw stalled(stallMs, statement);
    }
    if (read !== statement.getNumRows()) {
      source = undefined;
      throw incomplete(read, statement);
    }
  }

  return {
    columns: columnsOf(statement),
    get source() {
      return source;
    },
    async *batches(from = 0) {
      try {
        yield* batches(from);
      } catch (error) {
        running.throwIfEnded();
        throw statementError(error);
      }
    },
    async [Symbol.asyncDispose]() {
      running.ended.removeEventListener('abort', stop);
      stop();
      await running[Symbol.asyncDispose]();
    },
  };
}

/** What is there now, without waiting. */
function take(rows: Readable, toRow: (row: RawRow) => string): string[] {
  const batch: string[] = [];
  while (batch.length < BATCH_ROWS) {
    const row: RawRow | null = rows.read();
    if (row === null) break;
    batch.push(toRow(row));
  }
  return batch;
}

/** Waits until there are rows, the end, or an error (which is thrown). */
async function more(rows: Readable, stallMs: number): Promise<'come' | 'stalled'> {
  const stall = AbortSignal.timeout(stallMs);
  const waiting = new AbortController();
  const signal = AbortSignal.any([stall, waiting.signal]);
  try {
    await Promise.race(['readable', 'end', 'close'].map((event) => once(rows, event, { signal })));
    return 'come';
  } catch (error) {
    if (stall.aborted) return 'stalled';
    throw error;
  } finally {
    waiting.abort();
  }
}

function stalled(stallMs: number, statement: RowStatement): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_UNAVAILABLE', `Snowflake sent no rows for ${stallMs / 1_000} s`, {
    hint: 'The step is tried again and goes on reading the same result.',
    retry: true,
    context: { query_id: statement.getQueryId() },
  });
}

function incomplete(read: number, statement: RowStatement): UpriverError {
  return new UpriverError(
    'REMOTE_WAREHOUSE_UNAVAILABLE',
    `the result has ${statement.getNumRows()} rows, and ${read} came`,
    { hint: 'The step is tried again.', retry: true, context: { query_id: statement.getQueryId() } },
  );
}
