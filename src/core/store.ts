/** The state store as the rest of the program sees it. Implemented on SQLite and PostgreSQL; one conformance suite. */
import type { ErrorReport } from './errors.ts';
import type { Outcome, RowCounts } from './outcomes.ts';
import type { PermitStore } from './permits.ts';
import type { Value } from './values.ts';

export type RunStatus = 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled' | 'skipped';
export type StepStatus = 'running' | 'succeeded' | 'partial' | 'failed' | 'cancelled' | 'skipped';

/** One line per run. Times are epoch milliseconds. */
export interface RunRecord {
  /** The workflow id. */
  id: string;
  river: string;
  status: RunStatus;
  startedAt: number;
  endedAt: number | null;
  inputs: { [name: string]: Value };
  /** Who asked: 'cli', 'dry-run', 'schedule:<id>', 'river:<run id>', 'retry:<run id>' (started-by.ts). */
  startedBy: string;
  error: ErrorReport | null;
  /** Single variables as the run left them, for `retry`; null while it runs. */
  values: { [name: string]: Value } | null;
  /** After this the run's row data may be deleted. Set when the run ends. */
  expiresAt: number | null;
}

export interface StepRecord {
  runId: string;
  /** The step's id; for a step inside a row-by-row loop the path, `outer/row-42/step`. */
  stepId: string;
  type: string;
  status: StepStatus;
  attempts: number;
  startedAt: number;
  endedAt: number | null;
  /** Loops only. */
  rows: RowCounts | null;
  requests: number | null;
  error: ErrorReport | null;
}

export interface RowsetMeta {
  id: string;
  runId: string;
  columns: string[];
  rows: number;
  /** First row number (from 0) of each chunk, in order; chunk k ends where k+1 begins. */
  chunkStarts: number[];
}

/** Rows of one chunk as JSON texts of arrays. */
export interface RowsetChunk {
  firstRow: number;
  rows: string[];
}

export interface NewRowset {
  runId: string;
  columns: readonly string[];
  /**
   * Names a result that can be read again from any row: the same name, the same rows in the same order. Left out: what
   * a writer leaves half done is never gone on with.
   */
  source?: string | undefined;
}

/** Writes a rowset under a private id. Readers see all of it after `publish`, nothing before. */
export interface RowsetWriter {
  /** The first rows of the source that are there already; what is appended comes after them. */
  readonly kept: number;
  /** Any number of encoded rows; the writer cuts chunks at 5,000 rows or 4 MB, whichever comes first. */
  append(rows: readonly string[]): Promise<void>;
  publish(): Promise<RowsetMeta>;
  abort(): Promise<void>;
}

/** Which loop, in which run. `path` is the step id, or its path inside row-by-row loops. */
export interface LoopKey {
  runId: string;
  path: string;
}

/** A row that ended other than delivered or unchanged, in full. */
export interface OutcomeRecord {
  /** From 0, in the rowset. */
  row: number;
  /** JSON text of the key's values; null: the loop has no key. */
  key: string | null;
  outcome: Outcome;
  code: string;
  message: string;
  httpStatus: number | null;
  /** Short and redacted. */
  excerpt: string | null;
  attempts: number;
}

export interface LoopRecord extends LoopKey {
  rowsetId: string;
  rows: number;
  epoch: number;
  /** Requests that left, over all attempts. */
  requests: number;
  /** null: open. Else nobody can claim it any more; JSON text of what stopped it, or `null`. */
  closed: string | null;
}

/** States of one chunk's rows, one byte each (ROW_STATE). */
export interface ChunkStates {
  chunk: number;
  states: Uint8Array;
}

/** Where a row of a multi-action body stands, so that a resumed row does not repeat what was done. */
export interface RowProgress {
  row: number;
  /** Requests of the body done for this row. */
  cursor: number;
  /** JSON: outputs of those requests that must not be repeated. */
  outputs: string;
}

/** One group commit: all of it or nothing, and only while `epoch` is the loop's newest. */
export interface LoopCommit {
  loop: LoopKey;
  epoch: number;
  chunks: readonly ChunkStates[];
  records: readonly OutcomeRecord[];
  /** Hashes of what was delivered, for `send: changed`; scope as in lookupDelivered. */
  delivered: { scope: string; hashes: readonly DeliveredHash[] } | null;
  progress: readonly RowProgress[];
  /** Row numbers whose progress is no longer needed. */
  progressDone: readonly number[];
  /** Added to the loop's count of requests. */
  requests: number;
  /**
   * Which commit this is, for one that may be sent again after a lost answer: one whose number is not above that of its
   * writer's last one is taken as done. A writer waits for one commit before it sends the next. Left out: never sent again.
   */
  seq?: { writer: string; number: number };
  /** Per-row outputs for a loop with `results`: row number → JSON text. */
  outputs: readonly { row: number; outputs: string; httpStatus: number | null }[];
}

export interface DeliveredHash {
  /** 16 bytes. */
  key: Uint8Array;
  /** 16 bytes. */
  hash: Uint8Array;
}

export interface RowFilter {
  outcomes?: readonly Outcome[];
  afterRow?: number;
  limit?: number;
}

export interface StateStore extends PermitStore, AsyncDisposable {
  // runs
  createRun(run: RunRecord): Promise<void>;
  updateRun(
    id: string,
    change: Partial<Pick<RunRecord, 'status' | 'endedAt' | 'error' | 'values' | 'expiresAt'>>,
  ): Promise<void>;
  getRun(id: string): Promise<RunRecord | null>;
  /** Newest first. */
  listRuns(filter: { river?: string; status?: RunStatus; limit: number }): Promise<RunRecord[]>;
  /** Upsert by (runId, stepId). */
  saveStep(step: StepRecord): Promise<void>;
  /** In order of start. */
  listSteps(runId: string): Promise<StepRecord[]>;

  // one run of a river at a time
  /**
   * Takes the river's lock for `owner` if it is its own already, or free and nobody waits who came before; else says who is
   * in the way. `since`, epoch ms: it waits, as one who came then; null: it does not.
   */
  lockRiver(river: string, owner: string, since: number | null): Promise<{ held: boolean; owner: string }>;
  /** Gives up the lock, or the place among those who wait. */
  unlockRiver(river: string, owner: string): Promise<void>;

  // rowsets
  /**
   * Opens a writer. What an earlier, unpublished writer of the same id left is taken over if it is of the same source,
   * else dropped; that writer can write nothing more. A published id is an error.
   */
  writeRowset(id: string, rowset: NewRowset): Promise<RowsetWriter>;
  getRowset(id: string): Promise<RowsetMeta | null>;
  readChunk(rowsetId: string, chunk: number): Promise<RowsetChunk>;

  // loops and outcomes
  /** Creates the loop if new (idempotent). All rows start pending. */
  openLoop(loop: LoopKey & { rowsetId: string; rows: number; chunkSizes: readonly number[] }): Promise<LoopRecord>;
  getLoop(loop: LoopKey): Promise<LoopRecord | null>;
  listLoops(runId: string): Promise<LoopRecord[]>;
  /** The same loop in runs of the same river that began after this one, the newest first. */
  laterLoops(loop: LoopKey): Promise<LoopRecord[]>;
  /** Raises the epoch: from now on only commits with the returned one succeed. STATE_LOOP_ENDED: the loop is closed. */
  claimLoop(loop: LoopKey): Promise<{ epoch: number }>;
  /** The last claim: closes the loop and raises the epoch, so that only its caller can still settle rows. Safe to repeat. */
  closeLoop(loop: LoopKey): Promise<{ epoch: number }>;
  /** Closes the loop for whoever holds `epoch`, and keeps why. False: overtaken. Safe to repeat. */
  stopLoop(loop: LoopKey, epoch: number, why: string): Promise<boolean>;
  /** Closes all loops of a run, and fences off whoever holds one. */
  closeLoops(runId: string): Promise<void>;
  readStates(loop: LoopKey, chunk: number): Promise<Uint8Array>;
  /** First chunk from `from` on that has a row pending or sending; null: none. */
  nextOpenChunk(loop: LoopKey, from: number): Promise<number | null>;
  readProgress(loop: LoopKey, firstRow: number, lastRow: number): Promise<RowProgress[]>;
  /** False: the epoch was overtaken, nothing was written; the caller must send nothing more. */
  commitLoop(commit: LoopCommit): Promise<boolean>;
  countLoop(loop: LoopKey): Promise<{ rows: RowCounts; requests: number; inDoubt: number }>;
  /** Full records, by row number. Only rows that ended other than delivered or unchanged have one. */
  readRecords(loop: LoopKey, filter: RowFilter): Promise<OutcomeRecord[]>;
  readOutputs(
    loop: LoopKey,
    firstRow: number,
    lastRow: number,
  ): Promise<{ row: number; outputs: string; httpStatus: number | null }[]>;

  // send: changed
  /** Hashes last delivered, for those keys that have one; map key = hex of the key. */
  lookupDelivered(scope: string, keys: readonly Uint8Array[]): Promise<Map<string, Uint8Array>>;

  // persisted variables
  readVariables(river: string): Promise<{ [name: string]: Value }>;
  saveVariables(river: string, values: { [name: string]: Value }): Promise<void>;

  /** Deletes row data, outcomes and runs that expired before `now`. Returns how many runs went. */
  prune(now: number): Promise<number>;
  /** Facts for `doctor`: engine, version, schema, size in bytes. */
  check(): Promise<Record<string, string>>;
}
