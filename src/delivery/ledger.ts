/**
 * The loop's outcomes while it runs: marks and settles rows in group commits, and holds the fence.
 * A row is marked `sending` durably before its request leaves, so that after a crash only marked rows are in doubt.
 */
import { UpriverError } from '../core/errors.ts';
import { type Outcome, ROW_STATE } from '../core/outcomes.ts';
import type { DeliveredHash, LoopCommit, LoopKey, OutcomeRecord, RowProgress, StateStore } from '../core/store.ts';

/**
 * How long after a successful commit's start its process may still write requests. Shorter than the heartbeat timeout
 * that must pass before another worker takes the loop over: a process that was stopped and wakes up finds it run out.
 */
export const LEASE_MS = 1_000;

/** How long a commit of marks that are ahead may wait for more of them. */
const LINGER_MS = 3;

/**
 * Another attempt has taken the loop over: this one must send nothing more. Worth trying again, as the other may be one
 * that Temporal has long given up: a process that was stopped before it claimed the loop does so when it wakes.
 */
export function fencedError(): UpriverError {
  return new UpriverError('STATE_FENCED', 'Another attempt has taken this loop over.', {
    hint: 'It goes on by itself: whichever attempt Temporal counts as the last one takes the loop back.',
    retry: true,
  });
}

export interface LedgerOptions {
  store: StateStore;
  loop: LoopKey;
  epoch: number;
  /** Scope of delivered hashes; null: the loop does not keep them. */
  deliveredScope: string | null;
  /** Monotonic milliseconds. */
  now: () => number;
  sleep: (ms: number) => Promise<void>;
  /** Gives up waiting for a store that is away. */
  signal: AbortSignal;
}

/** How a row ended, with what is kept about it. */
export interface Settlement {
  outcome: Outcome;
  /** Kept for rows that ended other than delivered or unchanged. */
  record: OutcomeRecord | null;
  delivered: DeliveredHash | null;
  outputs: { outputs: string; httpStatus: number | null } | null;
}

export interface RowPlace {
  chunk: number;
  /** From 0, in the rowset. */
  row: number;
}

interface OpenChunk {
  chunk: number;
  firstRow: number;
  states: Uint8Array;
}

type Pending = Pick<LoopCommit, 'records' | 'progress' | 'progressDone' | 'outputs'> & {
  chunks: Set<OpenChunk>;
  hashes: DeliveredHash[];
  requests: number;
  /** Rows that wait for their mark. */
  marks: number;
  waiters: { resolve: () => void; reject: (error: unknown) => void }[];
  /** Someone has nothing else to do meanwhile. */
  urgent: boolean;
};

type MutablePending = {
  -readonly [K in keyof Pending]: Pending[K] extends readonly (infer T)[] ? T[] : Pending[K];
};

export class Ledger {
  readonly #options: LedgerOptions;
  readonly #chunks = new Map<number, OpenChunk>();
  readonly #withProgress = new Set<number>();
  #pending: MutablePending = nothing();
  #commits = 0;
  #running = false;
  #error: unknown = null;
  #leaseUntil: number;
  /** Rows that are `sending`. */
  #sending = 0;
  #gathered: () => void = () => {};

  constructor(options: LedgerOptions) {
    this.#options = options;
    this.#leaseUntil = options.now() + LEASE_MS;
  }

  /** The states given are kept and changed in place. */
  openChunk(chunk: number, firstRow: number, states: Uint8Array): void {
    this.#chunks.set(chunk, { chunk, firstRow, states });
    for (const state of states) if (state === ROW_STATE.sending) this.#sending++;
  }

  /** Notes progress that an earlier attempt kept, so that it is dropped when the row settles. */
  hasProgress(row: number): void {
    this.#withProgress.add(row);
  }

  /** Whether requests of marked rows may still be written. */
  leased(): boolean {
    return this.#error === null && this.#options.now() < this.#leaseUntil;
  }

  /**
   * Resolves when the rows are durably `sending`; rejects with STATE_FENCED when the loop was taken over. `ahead`: others
   * are being sent meanwhile, so that they may wait for company.
   */
  mark(rows: readonly RowPlace[], ahead: boolean): Promise<void> {
    for (const { chunk, row } of rows) this.#set(chunk, row, ROW_STATE.sending);
    this.#pending.marks += rows.length;
    return this.#committed(ahead);
  }

  /** A new lease, by a commit of whatever is waiting. */
  renew(): Promise<void> {
    return this.#committed();
  }

  /** The row waits for another try: if this process dies now, it is not in doubt. */
  release(chunk: number, row: number, progress: RowProgress | null): void {
    this.#set(chunk, row, ROW_STATE.pending);
    if (progress) this.#keepProgress(progress);
    else if (this.#withProgress.delete(row)) this.#pending.progressDone.push(row);
    this.#wake();
  }

  /** What of a multi-request body is done for this row. */
  progress(progress: RowProgress): void {
    this.#keepProgress(progress);
    this.#wake();
  }

  /** What was delivered before under the row's key holds no longer; rides with the row's mark. */
  forget(delivered: DeliveredHash): void {
    this.#pending.hashes.push(delivered);
  }

  settle(chunk: number, row: number, settlement: Settlement): void {
    this.#set(chunk, row, ROW_STATE[settlement.outcome]);
    const pending = this.#pending;
    if (settlement.record) pending.records.push(settlement.record);
    if (settlement.delivered) pending.hashes.push(settlement.delivered);
    if (settlement.outputs) pending.outputs.push({ row, ...settlement.outputs });
    if (this.#withProgress.delete(row)) pending.progressDone.push(row);
    this.#wake();
  }

  /** Counts requests that left. */
  countRequest(): void {
    this.#pending.requests++;
  }

  /** Resolves when everything told so far is durable. */
  async flush(): Promise<void> {
    if (this.#error) throw this.#error;
    if (this.#running || isDirty(this.#pending)) await this.#committed();
  }

  /** Nothing more of the loop is to be sent, by nobody: `why` is kept. */
  async stop(why: string): Promise<void> {
    const { store, loop, epoch } = this.#options;
    await this.flush();
    if (!(await this.#persist(() => store.stopLoop(loop, epoch, why)))) throw fencedError();
  }

  #set(chunk: number, row: number, state: number): void {
    const open = this.#chunks.get(chunk);
    if (!open) throw new UpriverError('INTERNAL_CHUNK_CLOSED', `Row ${row} changed after its chunk was closed.`);
    const place = row - open.firstRow;
    if (open.states[place] === ROW_STATE.sending) this.#sending--;
    if (state === ROW_STATE.sending) this.#sending++;
    open.states[place] = state;
    this.#pending.chunks.add(open);
  }

  #keepProgress(progress: RowProgress): void {
    this.#withProgress.add(progress.row);
    const pending = this.#pending;
    pending.progress.push(progress);
    // In one commit what is done with goes last.
    if (pending.progressDone.includes(progress.row))
      pending.progressDone = pending.progressDone.filter((row) => row !== progress.row);
  }

  #committed(ahead = false): Promise<void> {
    if (this.#error) return Promise.reject(this.#error);
    if (!ahead) this.#pending.urgent = true;
    const waiting = new Promise<void>((resolve, reject) => this.#pending.waiters.push({ resolve, reject }));
    this.#wake();
    return waiting;
  }

  #wake(): void {
    if (this.#running) {
      this.#gathered();
      return;
    }
    this.#running = true;
    void this.#commitAll();
  }

  /** One commit at a time: what came in while the last one was written rides in the next. */
  async #commitAll(): Promise<void> {
    await this.#gather();
    while (this.#error === null && isDirty(this.#pending)) {
      const batch = this.#pending;
      this.#pending = nothing();
      const startedAt = this.#options.now();
      try {
        await this.#commit(batch);
        this.#leaseUntil = startedAt + LEASE_MS;
        for (const waiter of batch.waiters) waiter.resolve();
      } catch (error) {
        this.#fail(error, batch);
      }
      await this.#gather();
    }
    this.#running = false;
  }

  /**
   * As long as more rows are being sent than wait for their mark, nobody is held up: a commit of half of them costs as
   * much as one of a few.
   */
  async #gather(): Promise<void> {
    await nextTurn();
    if (this.#mayCommit()) return;
    const gathered = Promise.withResolvers<void>();
    const timer = setTimeout(gathered.resolve, LINGER_MS);
    this.#gathered = () => {
      if (this.#mayCommit()) gathered.resolve();
    };
    await gathered.promise;
    clearTimeout(timer);
    this.#gathered = () => {};
  }

  #mayCommit(): boolean {
    const { urgent, marks } = this.#pending;
    return urgent || this.#error !== null || this.#sending <= 2 * marks;
  }

  async #commit(batch: MutablePending): Promise<void> {
    const { store, loop, epoch, deliveredScope } = this.#options;
    const commit: LoopCommit = {
      loop,
      epoch,
      // A copy: rows go on changing while the commit is written, and a state must not arrive before its record.
      chunks: [...batch.chunks].map(({ chunk, states }) => ({ chunk, states: states.slice() })),
      records: batch.records,
      progress: batch.progress,
      progressDone: batch.progressDone,
      outputs: batch.outputs,
      requests: batch.requests,
      // A commit whose answer got lost is written again, and counts once.
      seq: { writer: String(epoch), number: ++this.#commits },
      delivered: deliveredScope && batch.hashes.length > 0 ? { scope: deliveredScope, hashes: batch.hashes } : null,
    };
    const written = await this.#persist(() => store.commitLoop(commit));
    if (!written) throw fencedError();
  }

  /** A store that is away is waited for: the rows are safe in memory, and nothing leaves meanwhile. */
  async #persist(write: () => Promise<boolean>): Promise<boolean> {
    for (let delay = 50; ; delay = Math.min(delay * 2, 1_000)) {
      try {
        return await write();
      } catch (error) {
        if (!(error instanceof UpriverError && error.retry)) throw error;
        this.#options.signal.throwIfAborted();
        await this.#options.sleep(delay);
      }
    }
  }

  #fail(error: unknown, batch: MutablePending): void {
    this.#error = error;
    for (const waiter of [...batch.waiters, ...this.#pending.waiters]) waiter.reject(error);
    this.#pending = nothing();
  }
}

function nothing(): MutablePending {
  return {
    chunks: new Set(),
    records: [],
    progress: [],
    progressDone: [],
    outputs: [],
    hashes: [],
    requests: 0,
    marks: 0,
    waiters: [],
    urgent: false,
  };
}

function isDirty(pending: MutablePending): boolean {
  return pending.chunks.size > 0 || pending.waiters.length > 0 || pending.progress.length > 0 || pending.requests > 0;
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
