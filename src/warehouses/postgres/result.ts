/** A PostgreSQL result as it streams, through a cursor. */
import type pg from 'pg';
import type Cursor from 'pg-cursor';
import type { Column, ResultStream } from '../warehouse.ts';
import { rowJson, typeName } from './cells.ts';

export type Cells = (string | null)[];

/** Rows of the first batch: enough to learn how wide they are. */
export const FIRST_ROWS = 500;
const MAX_ROWS = 5_000;
const BATCH_CHARACTERS = 4_000_000;

export interface Batch {
  rows: Cells[];
  fields: pg.FieldDef[];
}

export interface OpenResult {
  cursor: Cursor<Cells>;
  first: Batch;
  /** Ends the transaction: with what was read so far, whole or not. */
  end: () => Promise<void>;
  /** Ends it after an error and throws what the user should see. */
  fail: (error: unknown) => Promise<never>;
}

export function streamResult({ cursor, first, end, fail }: OpenResult): ResultStream {
  let ended = false;
  let next: Promise<Batch> | null = null;

  /** The next batch is on its way while the consumer works on this one. */
  async function* batches(): AsyncGenerator<readonly string[]> {
    let batch = first;
    while (batch.rows.length > 0) {
      const rows = batch.rows.map(rowJson);
      next = readBatch(cursor, batchRows(rows));
      next.catch(() => {});
      yield rows;
      batch = await next;
    }
    ended = true;
    await end();
  }

  return {
    columns: first.fields.map((field): Column => ({ name: field.name, type: typeName(field.dataTypeID) })),
    async *batches() {
      try {
        yield* batches();
      } catch (error) {
        ended = true;
        await fail(error);
      }
    },
    async [Symbol.asyncDispose]() {
      if (ended) return;
      ended = true;
      // A cursor that has failed is closed already, and would never answer.
      const failed = await next?.then(
        () => false,
        () => true,
      );
      if (!failed) await cursor.close();
      await end();
    },
  };
}

/** With the result's columns, which pg-cursor tells in no other way. */
export function readBatch(cursor: Cursor<Cells>, rows: number): Promise<Batch> {
  return new Promise((resolve, reject) => {
    cursor.read(rows, (error, batch, result) => {
      if (error) reject(error);
      else resolve({ rows: batch, fields: result?.fields ?? [] });
    });
  });
}

/** As many rows as fill about 4 MB. */
function batchRows(rows: readonly string[]): number {
  const characters = rows.reduce((sum, row) => sum + row.length, 0);
  const fitting = Math.floor(BATCH_CHARACTERS / (characters / rows.length));
  return Math.min(Math.max(fitting, 1), MAX_ROWS);
}
