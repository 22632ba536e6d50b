/** Groups a loop's rows into batches by count and bytes. Rows of the same name never ride together nor overtake each other. */
import { UpriverError } from '../core/errors.ts';
import type { Source } from './pump.ts';
import type { RowTask } from './task.ts';

/** A row ready to ride in a batch. */
export interface BatchItem {
  task: RowTask;
  /** How the answer names it; null: the action does not say. */
  id: string | null;
  /** Its part of the body. */
  text: string;
  bytes: number;
}

export interface Batch {
  items: BatchItem[];
  /** To be called when no row of it is under way any more, before the source is asked again. */
  done: () => void;
}

export interface BatchSourceOptions {
  rows: Source<RowTask>;
  /** Throws ROW_* errors. */
  prepare: (task: RowTask) => BatchItem;
  /** A row that cannot be sent. */
  refuse: (task: RowTask, error: UpriverError) => void;
  most: { rows: number; bytes: number };
}

export class BatchSource implements Source<Batch> {
  readonly #options: BatchSourceOptions;
  /** Rows that wait: for a row of the same name that is under way, or for the next batch. */
  #waiting: BatchItem[] = [];
  readonly #busy = new Set<string>();
  #ended = false;
  #ready: Batch | null = null;

  constructor(options: BatchSourceOptions) {
    this.#options = options;
  }

  take(): Batch | undefined {
    const batch = this.#ready ?? undefined;
    this.#ready = null;
    return batch;
  }

  /** Makes the next batch. False also where only namesakes of rows under way are left. */
  async fill(): Promise<boolean> {
    const items = await this.#collect();
    if (items.length > 0) this.#ready = this.#batchOf(items);
    return items.length > 0;
  }

  async #collect(): Promise<BatchItem[]> {
    const { most } = this.#options;
    const items: BatchItem[] = [];
    let bytes = 0;
    const passedOver: BatchItem[] = [];
    // A later row of the same name must stay behind one passed over.
    const namesPassed = new Set<string>();
    for (;;) {
      const item = this.#waiting.shift() ?? this.#takeItem() ?? (await this.#nextItem());
      if (!item) break;
      const { id } = item;
      const full = items.length > 0 && bytes + item.bytes > most.bytes;
      if (full || (id !== null && (this.#busy.has(id) || namesPassed.has(id)))) {
        passedOver.push(item);
        if (id !== null) namesPassed.add(id);
      } else {
        items.push(item);
        bytes += item.bytes + 1;
        if (id !== null) this.#busy.add(id);
      }
      if (full || items.length >= most.rows || passedOver.length >= most.rows) break;
    }
    this.#waiting.unshift(...passedOver);
    return items;
  }

  async #nextItem(): Promise<BatchItem | null> {
    while (!this.#ended) {
      this.#ended = !(await this.#options.rows.fill());
      const item = this.#takeItem();
      if (item) return item;
    }
    return null;
  }

  /** Of the rows at hand, without waiting. */
  #takeItem(): BatchItem | null {
    for (let task = this.#options.rows.take(); task !== undefined; task = this.#options.rows.take()) {
      const item = this.#prepared(task);
      if (item) return item;
    }
    return null;
  }

  #prepared(task: RowTask): BatchItem | null {
    try {
      return this.#options.prepare(task);
    } catch (error) {
      if (!(error instanceof UpriverError && error.code.startsWith('ROW_'))) throw error;
      this.#options.refuse(task, error);
      return null;
    }
  }

  #batchOf(items: BatchItem[]): Batch {
    return {
      items,
      done: () => {
        for (const { id } of items) if (id !== null) this.#busy.delete(id);
      },
    };
  }
}
