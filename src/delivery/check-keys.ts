/** Rejects rows whose key is null or shared, before any row is sent: which of them is right, nobody can tell. */
import type { CheckKeysInput } from '../contracts/activities.ts';
import { ROW_STATE } from '../core/outcomes.ts';
import type { OutcomeRecord, StateStore } from '../core/store.ts';
import { decode, type Row } from '../core/values.ts';
import { commitChunk } from './commit-chunk.ts';
import { hash64 } from './hash.ts';
import { type LoopView, openLoop } from './loop-view.ts';
import { keyText } from './row-source.ts';

interface Tools {
  store: StateStore;
  stop: AbortSignal;
}

export async function checkKeys(input: CheckKeysInput, tools: Tools): Promise<{ rejected: number }> {
  const view = await openLoop({ ...input, body: input.step.steps }, tools.store);
  const suspects = await findSuspects(view, tools);
  const shared = await countShared(view, suspects, tools);
  return { rejected: await rejectRows(input, { view, shared, nulls: suspects.nulls }, tools) };
}

interface Suspects {
  /** Row numbers. */
  nulls: Set<number>;
  /** Key hashes that more than one row has: eight bytes a row are enough to find them among millions. */
  hashes: Set<bigint>;
}

async function findSuspects(view: LoopView, tools: Tools): Promise<Suspects> {
  const hashes = new BigUint64Array(view.rowset.rows);
  const nulls = new Set<number>();
  let found = 0;
  for await (const { row, values } of everyRow(view, tools)) {
    if (hasNull(values, view.layout.key)) nulls.add(row);
    else hashes[found++] = hash64(keyText(values, view.layout.key));
  }
  const sorted = hashes.subarray(0, found).sort();
  return { nulls, hashes: new Set(sorted.filter((hash, index) => index > 0 && hash === sorted[index - 1])) };
}

/** Keys, as text, that more than one row really has. */
async function countShared(view: LoopView, { nulls, hashes }: Suspects, tools: Tools): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  if (hashes.size === 0) return counts;
  for await (const { row, values } of everyRow(view, tools)) {
    if (nulls.has(row)) continue;
    const key = keyText(values, view.layout.key);
    if (hashes.has(hash64(key))) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  for (const [key, count] of counts) if (count === 1) counts.delete(key);
  return counts;
}

interface Found {
  view: LoopView;
  shared: Map<string, number>;
  nulls: Set<number>;
}

async function rejectRows({ loop }: CheckKeysInput, { view, shared, nulls }: Found, tools: Tools): Promise<number> {
  if (shared.size === 0 && nulls.size === 0) return 0;
  const { epoch } = await tools.store.claimLoop(loop);
  let rejected = 0;
  for (const chunk of view.rowset.chunkStarts.keys()) {
    const records = await badKeysOf(chunk, { view, shared, nulls }, tools);
    if (records.length === 0) continue;
    const states = await tools.store.readStates(loop, chunk);
    for (const { row } of records) states[row - (view.rowset.chunkStarts[chunk] ?? 0)] = ROW_STATE.rejected;
    await commitChunk({ loop, epoch, chunk, states, records }, tools.store);
    rejected += records.length;
  }
  return rejected;
}

async function badKeysOf(chunk: number, { view, shared, nulls }: Found, { store }: Tools): Promise<OutcomeRecord[]> {
  const { firstRow, rows } = await store.readChunk(view.rowset.id, chunk);
  const records: OutcomeRecord[] = [];
  for (const [index, text] of rows.entries()) {
    const row = firstRow + index;
    const key = keyText(decode(text) as Row, view.layout.key);
    const count = shared.get(key);
    if (nulls.has(row)) records.push(rejection(row, key, 'ROW_KEY_NULL', 'The key is null.'));
    else if (count)
      records.push(rejection(row, key, 'ROW_KEY_SHARED', `${count} rows have this key; none of them was sent.`));
  }
  return records;
}

function rejection(row: number, key: string, code: string, message: string): OutcomeRecord {
  return { row, key, outcome: 'rejected', code, message, httpStatus: null, excerpt: null, attempts: 0 };
}

async function* everyRow({ rowset }: LoopView, { store, stop }: Tools): AsyncGenerator<{ row: number; values: Row }> {
  for (const chunk of rowset.chunkStarts.keys()) {
    stop.throwIfAborted();
    const { firstRow, rows } = await store.readChunk(rowset.id, chunk);
    for (const [index, text] of rows.entries()) yield { row: firstRow + index, values: decode(text) as Row };
  }
}

function hasNull(values: Row, columns: readonly number[]): boolean {
  return columns.some((column) => (values[column] ?? null) === null);
}
