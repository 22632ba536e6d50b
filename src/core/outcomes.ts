/** A row's state: one byte in the store while its loop runs, one of the seven outcomes in the end. */

/** The byte kept per row. `sending` = marked durably before its request leaves; only such rows are in doubt after a crash. */
export const ROW_STATE = {
  pending: 0,
  sending: 1,
  delivered: 2,
  unchanged: 3,
  skipped: 4,
  rejected: 5,
  failed: 6,
  unknown: 7,
} as const;

export type RowState = keyof typeof ROW_STATE;
export type Outcome = Exclude<RowState, 'pending' | 'sending'>;
export type CountedOutcome = Outcome | 'not_attempted';

export const OUTCOMES = [
  'delivered',
  'unchanged',
  'skipped',
  'rejected',
  'failed',
  'unknown',
] as const satisfies readonly Outcome[];
export const COUNTED = [...OUTCOMES, 'not_attempted'] as const satisfies readonly CountedOutcome[];
export const BAD_OUTCOMES = ['rejected', 'failed', 'unknown'] as const satisfies readonly Outcome[];

/** How a row ended, by its byte. Pending and sending rows were not attempted as far as anyone can say. */
export function outcomeOf(state: number): CountedOutcome {
  return OUTCOMES.find((outcome) => ROW_STATE[outcome] === state) ?? 'not_attempted';
}

/** Counts of rows. `read` is always the sum of the seven others. */
export type RowCounts = { read: number } & Record<CountedOutcome, number>;

export function noRows(): RowCounts {
  return { read: 0, delivered: 0, unchanged: 0, skipped: 0, rejected: 0, failed: 0, unknown: 0, not_attempted: 0 };
}

export function addCounts(a: RowCounts, b: RowCounts): RowCounts {
  const sum = noRows();
  for (const name of Object.keys(sum) as (keyof RowCounts)[]) sum[name] = a[name] + b[name];
  return sum;
}

export function badRows(counts: RowCounts): number {
  return counts.rejected + counts.failed + counts.unknown;
}

/** Rows per state in a chunk's state bytes; index = the byte. */
export function histogram(states: Uint8Array): number[] {
  const counts = [0, 0, 0, 0, 0, 0, 0, 0];
  for (const state of states) counts[state] = (counts[state] ?? 0) + 1;
  return counts;
}

/** Counts from a histogram; rows still pending or in doubt are `not_attempted`. */
export function countsFromHistogram(histogram: readonly number[]): RowCounts {
  const counts = noRows();
  for (const outcome of OUTCOMES) counts[outcome] = histogram[ROW_STATE[outcome]] ?? 0;
  counts.not_attempted = (histogram[ROW_STATE.pending] ?? 0) + (histogram[ROW_STATE.sending] ?? 0);
  counts.read = histogram.reduce((sum, count) => sum + count, 0);
  return counts;
}

/** Of a loop's results. Before them stand the key's iterators (else `row`, from 1), after them the actions' outputs. */
export const RESULT_COLUMNS = ['outcome', 'http_status', 'code', 'message'] as const;
