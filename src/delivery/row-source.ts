/** Reads a loop's open rows in order, a chunk ahead: skips what is settled, settles what is unchanged or in doubt. */
import { ROW_STATE } from '../core/outcomes.ts';
import type { LoopKey, RowProgress, RowsetMeta, StateStore } from '../core/store.ts';
import { decode, encode, type Row } from '../core/values.ts';
import { inDoubt } from './finish.ts';
import { hash128 } from './hash.ts';
import type { Ledger } from './ledger.ts';
import type { RowLayout } from './loop-view.ts';
import { freshProgress, type Progress, type RowTask } from './task.ts';

/** Rows decoded together: thousands that wait cost far more memory than their texts, and each by itself takes twice the time. */
const DECODED = 64;

export interface RowSourceOptions {
  store: StateStore;
  ledger: Ledger;
  loop: LoopKey;
  rowset: RowsetMeta;
  fromChunk: number;
  layout: RowLayout;
  /** A row in doubt of which no progress is kept may be sent again. */
  repeatable: boolean;
  /** A probe: rows that failed in the outage, or wait for another try, come after all others. */
  askedLast: boolean;
  /** Scope of delivered hashes, when rows equal to what was last delivered are left out. */
  unchangedScope: string | null;
}

interface ChunkRows {
  chunk: number;
  firstRow: number;
  /** The ledger's: a row's own state changes after it was taken, never before. */
  states: Uint8Array;
  texts: readonly string[];
  kept: readonly RowProgress[];
}

export class RowSource {
  readonly #options: RowSourceOptions;
  #chunk: number;
  #queue: Iterator<RowTask, void> = [].values();
  #ahead: Promise<Iterable<RowTask> | null> | null = null;
  /** Rows that were asked before; they are for the next segment, unless there are no others. */
  #asked: RowTask[] = [];
  #gave = false;

  constructor(options: RowSourceOptions) {
    this.#options = options;
    this.#chunk = options.fromChunk;
  }

  /** Rows at hand, without waiting. */
  take(): RowTask | undefined {
    const task = this.#queue.next().value ?? undefined;
    if (task) this.#gave = true;
    return task;
  }

  /** Fetches more when `take` had none. False: the rows are at their end. */
  async fill(): Promise<boolean> {
    this.#ahead ??= this.#load();
    const rows = await this.#ahead;
    // It stays so, however often it is asked.
    if (rows === null) return this.#takeAsked();
    this.#queue = rows[Symbol.iterator]();
    this.#ahead = this.#load();
    // Its failure is met when the rows are asked for.
    this.#ahead.catch(() => {});
    return true;
  }

  #takeAsked(): boolean {
    const asked = this.#gave ? [] : this.#asked;
    this.#asked = [];
    this.#queue = asked.values();
    return asked.length > 0;
  }

  /** The next chunk that has open rows; null: there is none. */
  async #load(): Promise<Iterable<RowTask> | null> {
    const { store, loop } = this.#options;
    const chunk = await store.nextOpenChunk(loop, this.#chunk);
    if (chunk === null) return null;
    this.#chunk = chunk + 1;
    return this.#openRows(chunk);
  }

  async #openRows(chunk: number): Promise<Iterable<RowTask>> {
    const { store, loop, rowset, ledger } = this.#options;
    const states = await store.readStates(loop, chunk);
    const firstRow = rowset.chunkStarts[chunk] ?? 0;
    const lastRow = (rowset.chunkStarts[chunk + 1] ?? rowset.rows) - 1;
    // An action step has one row without columns, which no rowset holds.
    const texts = rowset.id === '' ? ['[]'] : (await store.readChunk(rowset.id, chunk)).rows;
    const progress = await store.readProgress(loop, firstRow, lastRow);
    ledger.openChunk(chunk, firstRow, states);
    const tasks = this.#resume({ chunk, firstRow, states, texts, kept: progress });
    return this.#options.unchangedScope ? this.#changed([...tasks], this.#options.unchangedScope) : tasks;
  }

  *#resume({ chunk, firstRow, states, texts, kept }: ChunkRows): Generator<RowTask, void> {
    const progressOf = new Map(kept.map((one) => [one.row, readProgress(one)]));
    const values = decoded(texts);
    for (let index = 0; index < states.length; index++) {
      const state = states[index];
      if (state !== ROW_STATE.pending && state !== ROW_STATE.sending) continue;
      const row = firstRow + index;
      const progress = progressOf.get(row);
      if (progress) this.#options.ledger.hasProgress(row);
      const task = this.#task(chunk, row, values(index), progress);
      if (state === ROW_STATE.sending && this.#mustNotRepeat(progress)) this.#settleUnknown(task);
      else if (this.#options.askedLast && (progress?.asked || progress?.wait)) this.#asked.push(task);
      else yield task;
    }
  }

  #mustNotRepeat(progress: Progress | undefined): boolean {
    return progress ? progress.risky : !this.#options.repeatable;
  }

  #task(chunk: number, row: number, values: Row, progress: Progress = freshProgress()): RowTask {
    const { key: keyColumns, supplied } = this.#options.layout;
    const key = keyColumns.length > 0 ? keyText(values, keyColumns) : null;
    const hashes = supplied && key !== null ? { key: hash128(key), hash: hash128(keyText(values, supplied)) } : null;
    const wasDelivered = hashes !== null;
    return { chunk, row, values, key, hashes, wasDelivered, progress };
  }

  #settleUnknown({ chunk, row, key, progress }: RowTask): void {
    const record = inDoubt(row, key, Math.max(progress.attempts, 1));
    this.#options.ledger.settle(chunk, row, { outcome: 'unknown', record, delivered: null, outputs: null });
  }

  async #changed(tasks: RowTask[], scope: string): Promise<RowTask[]> {
    const keys = tasks.flatMap(({ hashes }) => (hashes ? [hashes.key] : []));
    const known = await this.#options.store.lookupDelivered(scope, keys);
    return tasks.filter((task) => {
      const last = task.hashes && known.get(Buffer.from(task.hashes.key).toString('hex'));
      task.wasDelivered = last !== undefined;
      if (!last || !task.hashes || Buffer.compare(last, task.hashes.hash) !== 0) return true;
      this.#options.ledger.settle(task.chunk, task.row, {
        outcome: 'unchanged',
        record: null,
        delivered: null,
        outputs: null,
      });
      return false;
    });
  }
}

/** Values of the row at an index, of rows asked for in order. */
function decoded(texts: readonly string[]): (index: number) => Row {
  let from = 0;
  let rows: Row[] = [];
  return (index) => {
    if (index >= from + rows.length) {
      from = index;
      rows = decode(`[${texts.slice(index, index + DECODED).join(',')}]`) as Row[];
    }
    return rows[index - from] ?? [];
  };
}

/** Values of some columns as JSON text: the same values always give the same text. */
export function keyText(values: Row, columns: readonly number[]): string {
  return encode(columns.map((column) => values[column] ?? null));
}

function readProgress({ cursor, outputs }: RowProgress): Progress {
  return { ...freshProgress(), ...(decode(outputs) as object), cursor };
}
