/** Permits in hand, by the blocks in which the store gave them, and the reports that tell the store how they ended. */
import type { PermitReport, PermitStore, Window } from '../core/permits.ts';
import type { Permit } from './http-client.ts';

/** A permit must be used so soon after it was taken, because a process that died frees it after that. */
const USABLE_MS = 1000;
/** Reports wait so long for company. */
const REPORT_AFTER_MS = 25;
/** Blocks whose requests are still out are kept alive so often: sooner than the shortest window frees a permit. */
const KEEP_ALIVE_MS = 500;

interface Block {
  id: string;
  windows: readonly Window[];
  /** Monotonic. */
  usableUntil: number;
  /** In stock. */
  free: number;
  /** Handed out and not ended. */
  out: number;
  /** Not reported yet: when answers came, and how many permits were not used. */
  answeredAt: number[];
  unused: number;
  reportedAt: number;
}

export interface BlockDeps {
  store: PermitStore;
  /** Monotonic milliseconds. */
  now: () => number;
  paused: () => boolean;
}

/** The blocks of one set of windows. */
export class PermitBlocks {
  readonly #deps: BlockDeps;
  readonly #onExpired: () => void;
  readonly #blocks = new Set<Block>();
  #stock = 0;
  #timer: NodeJS.Timeout | null = null;
  /** The timer is for a report, not just to keep blocks alive. */
  #soon = false;
  #reporting: Promise<void> | null = null;
  #closed = false;

  /** `onExpired`: more was taken than could be used in time. */
  constructor(deps: BlockDeps, onExpired: () => void) {
    this.#deps = deps;
    this.#onExpired = onExpired;
  }

  /** Permits in stock; some may have run out since. */
  get stock(): number {
    return this.#stock;
  }

  /** `takenAt`: from before the store was asked, so that the store's own clock cannot be ahead. */
  add(id: string, windows: readonly Window[], { count, takenAt }: { count: number; takenAt: number }): void {
    const usableUntil = takenAt + USABLE_MS;
    this.#blocks.add({ id, windows, usableUntil, free: count, out: 0, answeredAt: [], unused: 0, reportedAt: takenAt });
    this.#stock += count;
    this.#schedule(KEEP_ALIVE_MS);
  }

  /** One out of stock; null: there is none that may still be used. */
  hand(): Permit | null {
    if (this.#stock === 0) return null;
    const now = this.#deps.now();
    for (const block of this.#blocks) {
      if (block.free === 0) continue;
      if (now < block.usableUntil) return this.#handFrom(block);
      this.#expire(block);
    }
    return null;
  }

  /** Hands the whole stock back to the store. */
  giveBack(): void {
    for (const block of this.#blocks) this.#dropFree(block);
  }

  /** Reports everything that is known now. Permits still out free themselves in the store. */
  async close(): Promise<void> {
    this.giveBack();
    this.#closed = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#reporting;
    await this.#report(true);
  }

  #handFrom(block: Block): Permit {
    block.free--;
    block.out++;
    this.#stock--;
    return new HandedPermit(block.usableUntil, this.#deps, (answered) => this.#ended(block, answered));
  }

  #ended(block: Block, answered: boolean): void {
    block.out--;
    if (answered) block.answeredAt.push(this.#deps.now());
    else block.unused++;
    this.#schedule(REPORT_AFTER_MS);
  }

  #expire(block: Block): void {
    this.#dropFree(block);
    this.#onExpired();
  }

  #dropFree(block: Block): void {
    if (block.free === 0) return;
    block.unused += block.free;
    this.#stock -= block.free;
    block.free = 0;
    this.#schedule(REPORT_AFTER_MS);
  }

  /** One timer: a sooner need replaces a later one. */
  #schedule(ms: number): void {
    if (this.#closed) return;
    if (this.#timer) {
      if (ms >= KEEP_ALIVE_MS || this.#soon) return;
      clearTimeout(this.#timer);
    }
    this.#soon = ms < KEEP_ALIVE_MS;
    this.#timer = setTimeout(() => this.#tick(), ms);
    this.#timer.unref();
  }

  #tick(): void {
    this.#timer = null;
    const now = this.#deps.now();
    for (const block of this.#blocks) if (block.free > 0 && now >= block.usableUntil) this.#expire(block);
    this.#reporting ??= this.#report(false).finally(() => {
      this.#reporting = null;
      if (this.#blocks.size > 0) this.#schedule(KEEP_ALIVE_MS);
    });
  }

  async #report(last: boolean): Promise<void> {
    const now = this.#deps.now();
    const due = [...this.#blocks].filter(
      (block) => block.answeredAt.length + block.unused > 0 || (!last && isDue(block, now)),
    );
    if (due.length === 0) return;
    const taken = due.map((block) => takeReport(block, now));
    try {
      await this.#deps.store.reportPermits(taken.map(({ report }) => report));
    } catch {
      // The store is away: what is not reported counts for longer, never shorter. The next report carries it again.
      for (const { undo } of taken) undo();
      return;
    }
    for (const block of due) if (isOver(block)) this.#blocks.delete(block);
  }
}

class HandedPermit implements Permit {
  readonly #usableUntil: number;
  readonly #deps: BlockDeps;
  readonly #end: (answered: boolean) => void;
  #ended = false;

  constructor(usableUntil: number, deps: BlockDeps, end: (answered: boolean) => void) {
    this.#usableUntil = usableUntil;
    this.#deps = deps;
    this.#end = end;
  }

  fresh(): boolean {
    return !this.#ended && this.#deps.now() < this.#usableUntil && !this.#deps.paused();
  }

  answered(): void {
    this.#endWith(true);
  }

  unused(): void {
    this.#endWith(false);
  }

  #endWith(answered: boolean): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#end(answered);
  }
}

function isDue(block: Block, now: number): boolean {
  return block.out + block.free > 0 && now - block.reportedAt >= KEEP_ALIVE_MS;
}

function isOver(block: Block): boolean {
  return block.out + block.free + block.unused + block.answeredAt.length === 0;
}

function takeReport(block: Block, now: number): { report: PermitReport; undo: () => void } {
  const { answeredAt, unused, reportedAt } = block;
  block.answeredAt = [];
  block.unused = 0;
  block.reportedAt = now;
  const undo = () => {
    block.answeredAt = [...answeredAt, ...block.answeredAt];
    block.unused += unused;
    block.reportedAt = reportedAt;
  };
  // Rounded down: an answer taken to be younger than it is counts a little longer.
  const answered = answeredAt.map((at) => Math.floor(now - at));
  return {
    report: { block: block.id, windows: block.windows, answered, unused, outstanding: block.out + block.free },
    undo,
  };
}
