/** Rows of an earlier run that are to be sent again, as a rowset of their own. Delivered rows never are. */
import type { RetryRows, RetryRowsInput, RowsetRef } from '../contracts/activities.ts';
import type { LoopStep } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { resolveIterators } from '../core/iterators.ts';
import { ROW_STATE } from '../core/outcomes.ts';
import { retriedRun } from '../core/started-by.ts';
import type { LoopKey, LoopRecord, OutcomeRecord, RowsetMeta, StateStore } from '../core/store.ts';
import { decode, type Row } from '../core/values.ts';
import { commitChunk } from './commit-chunk.ts';
import { type LoopView, openLoop } from './loop-view.ts';
import { rowsGone } from './row-reader.ts';
import { keyText } from './row-source.ts';

/** Whatever was sent may have been applied. */
const SENT: ReadonlySet<number> = new Set([
  ROW_STATE.delivered,
  ROW_STATE.unchanged,
  ROW_STATE.unknown,
  ROW_STATE.sending,
]);

export async function retryRows(input: RetryRowsInput, store: StateStore): Promise<RetryRows | null> {
  const old = { runId: input.of, path: input.loop.path };
  const record = await store.getLoop(old);
  if (!record) return neverBegun(input, store);
  const source = await store.getRowset(record.rowsetId);
  if (!source) throw rowsGone(input.loop.path);
  const id = `${input.loop.runId}/${input.loop.path}/retry`;
  const rowset = (await store.getRowset(id)) ?? (await copyRows({ input, old, source, id }, store));
  if (rowset.rows === 0) return null;
  const ref = { $rowset: rowset.id, rows: rowset.rows, columns: rowset.columns };
  if (input.step.key.length > 0) await skipSuperseded(input, ref, store);
  return { ...ref, of: await firstRows(input, record, store) };
}

/** A retry may be of a retry: the loop's rows are those of the run that read them. */
async function firstRows(
  { of, loop: { path } }: RetryRowsInput,
  record: LoopRecord,
  store: StateStore,
): Promise<number> {
  let { rows } = record;
  const retriedBy = async (runId: string) => retriedRun((await store.getRun(runId))?.startedBy ?? '');
  for (let runId = await retriedBy(of); runId !== null; runId = await retriedBy(runId)) {
    rows = (await store.getLoop({ runId, path }))?.rows ?? rows;
  }
  return rows;
}

/** A run that ended well had no need of the loop; one that failed before it has rows that nobody read. */
async function neverBegun({ of, loop }: RetryRowsInput, store: StateStore): Promise<null> {
  const run = await store.getRun(of);
  if (run?.status === 'succeeded' || run?.status === 'partial') return null;
  throw new UpriverError(
    'RIVER_NOTHING_TO_RETRY',
    `Loop ${loop.path} never began in ${of}, so it has no rows to send again.`,
    {
      hint: 'Run the river again.',
    },
  );
}

interface Copy {
  input: RetryRowsInput;
  old: LoopKey;
  source: RowsetMeta;
  id: string;
}

async function copyRows({ input, old, source, id }: Copy, store: StateStore): Promise<RowsetMeta> {
  const wanted = new Set<number>([ROW_STATE.pending, ROW_STATE.rejected, ROW_STATE.failed]);
  if (input.includeUnknown) for (const state of [ROW_STATE.unknown, ROW_STATE.sending]) wanted.add(state);
  const writer = await store.writeRowset(id, { runId: input.run.runId, columns: source.columns });
  for (const chunk of source.chunkStarts.keys()) {
    const states = await store.readStates(old, chunk);
    if (!states.some((state) => wanted.has(state))) continue;
    const { rows } = await store.readChunk(source.id, chunk);
    await writer.append(rows.filter((_row, index) => wanted.has(states[index] ?? ROW_STATE.pending)));
  }
  return writer.publish();
}

/** A later run has sent a newer value of these rows: the old one must not come after it. */
async function skipSuperseded(input: RetryRowsInput, rowset: RowsetRef, store: StateStore): Promise<void> {
  const view = await openLoop({ ...input, rowset, body: input.step.steps }, store);
  const keys = await keysOf(view, store);
  const superseded = await sentLater(input, new Set(keys.values()), store);
  if (superseded.size === 0) return;
  const { epoch } = await store.claimLoop(input.loop);
  for (const [chunk, firstRow] of view.rowset.chunkStarts.entries()) {
    const states = await store.readStates(input.loop, chunk);
    const records: OutcomeRecord[] = [];
    for (const index of states.keys()) {
      const key = keys.get(firstRow + index);
      const by = key && superseded.get(key);
      if (!by) continue;
      states[index] = ROW_STATE.skipped;
      records.push(supersededRecord(firstRow + index, key, by));
    }
    if (records.length === 0) continue;
    await commitChunk({ loop: input.loop, epoch, chunk, states, records }, store);
  }
}

/** Row number → its key's text. */
async function keysOf({ rowset, layout }: LoopView, store: StateStore): Promise<Map<number, string>> {
  const keys = new Map<number, string>();
  for (const chunk of rowset.chunkStarts.keys()) {
    const { firstRow, rows } = await store.readChunk(rowset.id, chunk);
    for (const [index, text] of rows.entries()) keys.set(firstRow + index, keyText(decode(text) as Row, layout.key));
  }
  return keys;
}

/** Key → the newest later run that sent it, or found it unchanged. */
async function sentLater(
  { of, loop, step, run }: RetryRowsInput,
  wanted: ReadonlySet<string>,
  store: StateStore,
): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const later of await store.laterLoops({ runId: of, path: loop.path })) {
    if (found.size === wanted.size) break;
    if (later.runId === run.runId) continue;
    for await (const key of sentKeys(later, step, store))
      if (wanted.has(key) && !found.has(key)) found.set(key, later.runId);
  }
  return found;
}

async function* sentKeys(loop: LoopRecord, { iterators, key }: LoopStep, store: StateStore): AsyncGenerator<string> {
  const rowset = await store.getRowset(loop.rowsetId);
  if (!rowset) return;
  const named = key.flatMap((name) => iterators.filter((iterator) => iterator.name === name));
  const columns = resolveIterators(named, rowset.columns);
  for (const chunk of rowset.chunkStarts.keys()) {
    const states = await store.readStates(loop, chunk);
    if (!states.some((state) => SENT.has(state))) continue;
    const { rows } = await store.readChunk(rowset.id, chunk);
    for (const [index, text] of rows.entries())
      if (SENT.has(states[index] ?? ROW_STATE.pending)) yield keyText(decode(text) as Row, columns);
  }
}

function supersededRecord(row: number, key: string, by: string): OutcomeRecord {
  const message = `The later run ${by} has sent a newer value.`;
  return {
    row,
    key,
    outcome: 'skipped',
    code: 'ROW_SUPERSEDED',
    message,
    httpStatus: null,
    excerpt: null,
    attempts: 0,
  };
}
