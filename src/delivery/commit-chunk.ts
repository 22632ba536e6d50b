/** Writes how rows of one chunk ended, for those who hold a loop and send nothing. */
import type { ChunkStates, LoopKey, OutcomeRecord, StateStore } from '../core/store.ts';
import { fencedError } from './ledger.ts';

export interface ChunkCommit extends ChunkStates {
  loop: LoopKey;
  epoch: number;
  records: readonly OutcomeRecord[];
}

/** Throws STATE_FENCED. */
export async function commitChunk(
  { loop, epoch, chunk, states, records }: ChunkCommit,
  store: StateStore,
): Promise<void> {
  const nothing = { progress: [], progressDone: [], outputs: [], requests: 0, delivered: null };
  const written = await store.commitLoop({ loop, epoch, chunks: [{ chunk, states }], records, ...nothing });
  if (!written) throw fencedError();
}
