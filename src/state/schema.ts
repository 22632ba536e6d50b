/** The tables as Kysely sees them. Times are epoch milliseconds, `*_json` and `inputs` are JSON text, flags are 0 or 1. */
import type { Generated } from 'kysely';

export interface Tables {
  runs: {
    num: Generated<number>;
    id: string;
    river: string;
    status: string;
    started_at: number;
    ended_at: number | null;
    inputs: string;
    started_by: string;
    error: string | null;
    values_json: string | null;
    expires_at: number | null;
  };
  steps: {
    num: Generated<number>;
    run_id: string;
    step_id: string;
    type: string;
    status: string;
    attempts: number;
    started_at: number;
    ended_at: number | null;
    counts: string | null;
    requests: number | null;
    error: string | null;
  };
  river_locks: { river: string; owner: string };
  river_waiters: { river: string; owner: string; since: number };
  variables: { river: string; name: string; value: string };
  rowsets: {
    /** The private number under which chunks are written; never used twice. */
    num: Generated<number>;
    /** null: dropped, its chunks are waiting to be deleted. */
    id: string | null;
    run_id: string;
    columns: string;
    published: number;
    row_count: number;
    chunk_starts: string;
    /** Of what stored result the rows are, where it can be read on from any row. */
    source: string | null;
  };
  rowset_chunks: {
    rowset: number;
    chunk: number;
    first_row: number;
    row_count: number;
    codec: string;
    data: Uint8Array;
  };
  loops: {
    num: Generated<number>;
    run_id: string;
    path: string;
    rowset_id: string;
    row_count: number;
    chunk_sizes: string;
    epoch: number;
    requests: number;
    /** null: open. Else JSON text of what stopped it. */
    closed: string | null;
  };
  /** The last commit applied of each writer, so that a commit sent again is not applied again. */
  loop_writers: { loop: number; writer: string; number: number };
  /** A chunk without a line here is all pending. The counts are the histogram of `states`. */
  loop_chunks: { loop: number; chunk: number; states: Uint8Array } & Record<HistogramColumn, number>;
  loop_records: {
    loop: number;
    row: number;
    key: string | null;
    outcome: string;
    code: string;
    message: string;
    http_status: number | null;
    excerpt: string | null;
    attempts: number;
  };
  loop_progress: { loop: number; row: number; cursor: number; outputs: string };
  loop_outputs: { loop: number; row: number; outputs: string; http_status: number | null };
  delivered_scopes: { num: Generated<number>; scope: string };
  delivered: { scope: number; key: Uint8Array; hash: Uint8Array };
  /** Permits out with a process: they count until `frees_at` unless it reports. */
  permit_blocks: { block: string; window_id: string; taker: string; count: number; frees_at: number };
  /** Permits whose answers came, by the time when they stop counting. */
  permit_answers: { window_id: string; frees_at: number; taker: string; count: number };
  permit_waiters: { connection: string; taker: string; want: number; due_at: number };
  permit_pauses: { connection: string; until: number };
}

/** One column per row state, in the order of its byte (ROW_STATE). */
export const HISTOGRAM_COLUMNS = [
  'n_pending',
  'n_sending',
  'n_delivered',
  'n_unchanged',
  'n_skipped',
  'n_rejected',
  'n_failed',
  'n_unknown',
] as const;

export type HistogramColumn = (typeof HISTOGRAM_COLUMNS)[number];
