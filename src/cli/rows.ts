/** The rows of a run with their outcomes, streamed chunk by chunk out of the store. */
import { type CountedOutcome, outcomeOf } from '../core/outcomes.ts';
import type { LoopRecord, OutcomeRecord, RowsetMeta, RunRecord, StateStore, StepRecord } from '../core/store.ts';
import { decode, isObject, type Value } from '../core/values.ts';

/** One row. `row` counts from 1; `values` are the query's columns by name. */
export interface RowReport {
  step: string;
  row: number;
  /** Values of the loop's key; null: it has none, or its river's file no longer tells which columns they are. */
  key: Value[] | null;
  outcome: CountedOutcome;
  code: string | null;
  http_status: number | null;
  message: string | null;
  /** What the API answered, shortened and redacted. */
  excerpt: string | null;
  attempts: number | null;
  values: { [column: string]: Value };
}

export interface RowQuery {
  runId: string;
  /** Null: all. */
  outcomes: ReadonlySet<CountedOutcome> | null;
  /** A loop's step id; null: every loop of the run. */
  step: string | null;
  /** Why rows of a loop were left untouched. */
  untouched: (loop: LoopRecord) => Reason;
  /** Places of a loop's key among its rowset's columns; null: not known. */
  keyColumns: (loop: LoopRecord, columns: readonly string[]) => readonly number[] | null;
}

export interface Reason {
  code: string | null;
  message: string;
}

/** A row that was left untouched has no record of its own: what ended its loop tells why. */
export function reasonsOf(run: RunRecord, steps: readonly StepRecord[]): RowQuery['untouched'] {
  return ({ path }) => {
    const error = steps.find((step) => step.stepId === path)?.error ?? run.error;
    if (error) return { code: 'ROW_NOT_ATTEMPTED', message: `Its loop ended: ${error.code} ${error.message}` };
    if (run.status === 'running') return { code: null, message: 'Not sent yet: the run has not ended.' };
    return { code: 'ROW_NOT_ATTEMPTED', message: `The run was ${run.status} before.` };
  };
}

export async function* readRows(store: StateStore, query: RowQuery): AsyncGenerator<RowReport> {
  for (const loop of await store.listLoops(query.runId)) {
    if (query.step !== null && loop.path !== query.step) continue;
    const rowset = await store.getRowset(loop.rowsetId);
    if (!rowset) continue;
    for (let chunk = 0; chunk < rowset.chunkStarts.length; chunk++)
      yield* readChunkRows(store, query, { loop, rowset, chunk });
  }
}

interface ChunkOf {
  loop: LoopRecord;
  rowset: RowsetMeta;
  chunk: number;
}

async function* readChunkRows(
  store: StateStore,
  query: RowQuery,
  { loop, rowset, chunk }: ChunkOf,
): AsyncGenerator<RowReport> {
  const states = await store.readStates(loop, chunk);
  const outcomeAt = Array.from(states, outcomeOf);
  if (!outcomeAt.some((outcome) => wanted(query, outcome))) return;
  const { firstRow, rows } = await store.readChunk(rowset.id, chunk);
  const records = await recordsOf(store, loop, firstRow, rows.length);
  const keyColumns = query.keyColumns(loop, rowset.columns);
  for (const [index, outcome] of outcomeAt.entries()) {
    if (!wanted(query, outcome)) continue;
    const values = decode(rows[index] ?? '[]') as Value[];
    const row = firstRow + index;
    const untouched = outcome === 'not_attempted' ? query.untouched(loop) : undefined;
    yield report({ loop, rowset, row, outcome, values, keyColumns, record: records.get(row) ?? untouched });
  }
}

function report(of: {
  loop: LoopRecord;
  rowset: RowsetMeta;
  row: number;
  outcome: CountedOutcome;
  values: Value[];
  keyColumns: readonly number[] | null;
  record: (Reason & Partial<Omit<OutcomeRecord, keyof Reason>>) | undefined;
}): RowReport {
  const { record, values } = of;
  return {
    step: of.loop.path,
    row: of.row + 1,
    key: keyOf(record) ?? of.keyColumns?.map((column) => values[column] ?? null) ?? null,
    outcome: of.outcome,
    code: record?.code ?? null,
    http_status: record?.httpStatus ?? null,
    message: record?.message ?? null,
    excerpt: record?.excerpt ?? null,
    attempts: record?.attempts ?? null,
    values: Object.fromEntries(of.rowset.columns.map((name, column) => [name, values[column] ?? null])),
  };
}

function keyOf(record: Partial<Pick<OutcomeRecord, 'key'>> | undefined): Value[] | null {
  if (!record?.key) return null;
  const key = decode(record.key);
  if (Array.isArray(key)) return key;
  return isObject(key) ? Object.values(key) : [key];
}

async function recordsOf(
  store: StateStore,
  loop: LoopRecord,
  firstRow: number,
  count: number,
): Promise<Map<number, OutcomeRecord>> {
  const records = await store.readRecords(loop, { afterRow: firstRow - 1, limit: count });
  return new Map(records.filter((record) => record.row < firstRow + count).map((record) => [record.row, record]));
}

function wanted(query: RowQuery, outcome: CountedOutcome): boolean {
  return query.outcomes === null || query.outcomes.has(outcome);
}
