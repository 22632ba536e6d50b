/** Ends a loop that did not run to its end: what was under way, or may have been applied already, is `unknown`. */
import { ROW_STATE } from '../core/outcomes.ts';
import type { LoopKey, OutcomeRecord, RowProgress, StateStore } from '../core/store.ts';
import { decode } from '../core/values.ts';
import { commitChunk } from './commit-chunk.ts';
import { LEASE_MS } from './ledger.ts';

/** Closes the loop: whoever still works on it, or wants to, sends nothing more. */
export async function settleInDoubt(
  loop: LoopKey,
  store: StateStore,
  sleep: (ms: number) => Promise<void>,
): Promise<void> {
  const record = await store.getLoop(loop);
  if (!record) return;
  const { epoch } = await store.closeLoop(loop);
  if ((await store.countLoop(loop)).inDoubt > 0) await sleep(LEASE_MS);
  for (
    let chunk = await store.nextOpenChunk(loop, 0);
    chunk !== null;
    chunk = await store.nextOpenChunk(loop, chunk + 1)
  ) {
    await settleChunk({ loop, epoch, chunk, store });
  }
}

interface ChunkToSettle {
  loop: LoopKey;
  epoch: number;
  chunk: number;
  store: StateStore;
}

async function settleChunk({ loop, epoch, chunk, store }: ChunkToSettle): Promise<void> {
  const states = await store.readStates(loop, chunk);
  const firstRow = await firstRowOf(loop, chunk, store);
  const kept = await store.readProgress(loop, firstRow, firstRow + states.length - 1);
  const begun = new Map(kept.map((progress) => [progress.row, progress]));
  const records: OutcomeRecord[] = [];
  for (const [index, state] of states.entries()) {
    const progress = begun.get(firstRow + index);
    if (state !== ROW_STATE.sending && !(state === ROW_STATE.pending && progress && isHalfDone(progress))) continue;
    states[index] = ROW_STATE.unknown;
    records.push(inDoubt(firstRow + index));
  }
  if (records.length === 0) return;
  await commitChunk({ loop, epoch, chunk, states, records }, store);
}

/** It waited for another try, or for the next of its requests. */
function isHalfDone({ outputs }: RowProgress): boolean {
  return (decode(outputs) as { maybe?: boolean }).maybe === true;
}

async function firstRowOf(loop: LoopKey, chunk: number, store: StateStore): Promise<number> {
  const record = await store.getLoop(loop);
  const rowset = record ? await store.getRowset(record.rowsetId) : null;
  return rowset?.chunkStarts[chunk] ?? 0;
}

/** The record of a row that was sent and whose answer nobody has. */
export function inDoubt(row: number, key: string | null = null, attempts = 1): OutcomeRecord {
  return {
    row,
    key,
    outcome: 'unknown',
    code: 'ROW_IN_DOUBT',
    message:
      'It was sent, and its process ended or the run was stopped before it was known to be applied; it may have been.',
    httpStatus: null,
    excerpt: null,
    attempts,
  };
}
