/** Keeps as many rows under way as may be, until the rows are at their end or the segment stops. */
import { StoppedError } from './sender.ts';

/** Rows that may wait for another try at once; beyond it no new row is taken, so that memory stays bounded. */
const MOST_WAITING = 1_000;

export interface Source<T> {
  take(): T | undefined;
  /** Fetches more when `take` had none. False: there is nothing more before another task has ended, if then. */
  fill(): Promise<boolean>;
}

export interface PumpOptions<T> {
  source: Source<T>;
  /** Tasks under way at once, not counting those that wait for another try. */
  limit: number;
  /** Must not reject. */
  work: (task: T) => Promise<void>;
  stop: AbortSignal;
  /** Called when every task left is waiting on the others. */
  onStuck: () => void;
  /** The source failed: ends the segment. */
  onError: (error: unknown) => void;
}

export class Pump<T> {
  limit: number;
  readonly #options: PumpOptions<T>;
  #active = 0;
  #waiting = 0;
  /** Of those waiting: on what other tasks will show. */
  #stalled = 0;
  /** The source had nothing more, and no task has ended since. */
  #dry = false;
  #wake: () => void = () => {};

  constructor(options: PumpOptions<T>) {
    this.#options = options;
    this.limit = options.limit;
    options.stop.addEventListener('abort', () => this.#wake(), { once: true });
  }

  /** Resolves when no task is under way any more. */
  async run(): Promise<void> {
    for (;;) {
      if (!this.#dry && this.#mayTake()) {
        if (!this.#takeOne()) await this.#fill();
      }
      // After a stop the rows left are for another segment.
      else if (this.#active + this.#waiting === 0) break;
      else await this.#change();
    }
  }

  /** Lets other tasks go on while this one waits. A limit of one keeps the order: nothing overtakes. */
  async wait(until: number | Promise<unknown>): Promise<void> {
    // A row may get here after the stop: what it would wait for, nobody would tell it any more.
    if (this.#options.stop.aborted) throw new StoppedError();
    const gives = typeof until !== 'number' || this.limit > 1;
    if (gives) this.#shift(1);
    if (typeof until !== 'number') this.#stalled++;
    try {
      await (typeof until === 'number' ? pause(until, this.#options.stop) : untilStopped(until, this.#options.stop));
    } finally {
      if (typeof until !== 'number') this.#stalled--;
      if (gives) this.#shift(-1);
    }
    if (this.#options.stop.aborted) throw new StoppedError();
  }

  #shift(count: number): void {
    this.#waiting += count;
    this.#active -= count;
    this.#wake();
  }

  #mayTake(): boolean {
    return !this.#options.stop.aborted && this.#active < this.limit && this.#waiting < MOST_WAITING;
  }

  /** False: none is at hand. */
  #takeOne(): boolean {
    const task = this.#options.source.take();
    if (task === undefined) return false;
    this.#active++;
    void this.#options.work(task).then(this.#onDone);
    return true;
  }

  readonly #onDone = () => {
    this.#active--;
    this.#dry = false;
    this.#wake();
  };

  /** Waiting for rows ends with the segment: the store may be slow. */
  async #fill(): Promise<void> {
    const { source, stop, onError } = this.#options;
    // Said beforehand: a task that ends meanwhile is a reason to ask again.
    this.#dry = true;
    const filled = source.fill().catch(onError);
    if (await untilStopped(filled, stop)) this.#dry = false;
  }

  /** Nothing can be taken. Where nothing moves either, no task left will show what the others wait for. */
  #change(): Promise<void> {
    const stuck = this.#active === 0 && this.#stalled === this.#waiting && !this.#options.stop.aborted;
    if (stuck) queueMicrotask(this.#options.onStuck);
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }
}

function pause(ms: number, stop: AbortSignal): Promise<void> {
  if (stop.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      stop.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    stop.addEventListener('abort', done, { once: true });
  });
}

/** Leaves no listener behind: a signal looks through all that it has whenever one is added. */
async function untilStopped(promise: Promise<unknown>, stop: AbortSignal): Promise<unknown> {
  const stopped = Promise.withResolvers<void>();
  const onStop = () => stopped.resolve();
  stop.addEventListener('abort', onStop, { once: true });
  try {
    return await Promise.race([promise, stopped.promise]);
  } finally {
    stop.removeEventListener('abort', onStop);
  }
}
