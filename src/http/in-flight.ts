/** Exchanges under way: ends those whose time is over and those whose caller has stopped, by one timer and one listener per signal. */

export interface Flight {
  readonly signal: AbortSignal;
  /** Monotonic. */
  readonly startedAt: number;
  /** Its time is over. */
  expire(): void;
  /** Its signal fired. */
  abort(): void;
}

/** A timer and a listener per request would cost more than all else here. All have the same time, so the oldest ends first. */
export class InFlight {
  readonly timeoutMs: number;
  readonly #now: () => number;
  readonly #flights = new Set<Flight>();
  readonly #heard = new WeakSet<AbortSignal>();
  #timer: NodeJS.Timeout | null = null;

  constructor(timeoutMs: number, now: () => number) {
    this.timeoutMs = timeoutMs;
    this.#now = now;
  }

  add(flight: Flight): void {
    this.#flights.add(flight);
    this.#timer ??= this.#sweepIn(this.timeoutMs);
    if (!this.#heard.has(flight.signal)) this.#listen(flight.signal);
  }

  delete(flight: Flight): void {
    this.#flights.delete(flight);
  }

  /** For good: nothing is watched any more. */
  close(): void {
    if (this.#timer) clearTimeout(this.#timer);
  }

  /** Open sockets keep the process alive, not this. */
  #sweepIn(ms: number): NodeJS.Timeout {
    return setTimeout(() => this.#sweep(), ms).unref();
  }

  #sweep(): void {
    this.#timer = null;
    const now = this.#now();
    for (const flight of this.#flights) {
      const left = flight.startedAt + this.timeoutMs - now;
      if (left > 0) {
        this.#timer = this.#sweepIn(Math.ceil(left));
        return;
      }
      flight.expire();
    }
  }

  #listen(signal: AbortSignal): void {
    this.#heard.add(signal);
    const abortAll = () => {
      for (const flight of this.#flights) if (flight.signal === signal) flight.abort();
    };
    signal.addEventListener('abort', abortAll, { once: true });
  }
}
