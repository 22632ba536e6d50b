/** Hands permits for one set of windows to those who wait, in turn, and asks the store for as many as they can use. */
import { UpriverError } from '../core/errors.ts';
import type { PermitGrant, Window } from '../core/permits.ts';
import { FairLine } from './fair-line.ts';
import type { Permit } from './http-client.ts';
import { type BlockDeps, PermitBlocks } from './permit-blocks.ts';

/** Whoever would wait longer should rather park durably. */
export const PARK_AFTER_MS = 60_000;
/** Where the window is used up: permits come free one by one, so ask for some together. */
const LEAST_WAIT_MS = 20;
/** Others may hand back what they did not use. */
const MOST_WAIT_MS = 250;
/** Where permits are plenty, so many are taken at once that the store is asked no more often than this. */
const ASK_EVERY_MS = 100;
/** Most permits taken ahead. */
const MOST_AHEAD = 512;
/** And at most this part of the smallest window, so that others get theirs. */
const SHARE_AHEAD = 8;
const LONGEST_DRY_MS = 60_000;

export interface QueueDeps extends BlockDeps {
  connection: string;
  /** Names this process to the store. */
  process: string;
  /** Milliseconds until the connection's pause ends. */
  pausedFor: () => number;
  /** The store says that the connection is paused. */
  onPaused: (forMs: number) => void;
}

interface Waiter {
  resolve: (permit: Permit) => void;
  reject: (error: unknown) => void;
  signal: AbortSignal;
  onAbort: () => void;
}

export class PermitQueue {
  readonly #windows: readonly Window[];
  readonly #deps: QueueDeps;
  readonly #blocks: PermitBlocks;
  readonly #line = new FairLine<Waiter>();
  readonly #mostAhead: number;
  #asking: Promise<void> | null = null;
  #timer: NodeJS.Timeout | null = null;
  /** Permits taken ahead of need: grows where the store is asked too often, shrinks where permits ran out unused. */
  #ahead = 0;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** The window was used up lately: until then nothing is taken ahead, because idle permits are lost throughput. */
  #dryUntil = 0;

  constructor(windows: readonly Window[], deps: QueueDeps) {
    this.#windows = windows;
    this.#deps = deps;
    this.#mostAhead = Math.min(
      MOST_AHEAD,
      Math.floor(Math.min(...windows.map(({ requests }) => requests)) / SHARE_AHEAD),
    );
    this.#blocks = new PermitBlocks(deps, () => {
      this.#ahead = Math.floor(this.#ahead / 2);
    });
  }

  take(taker: string, signal: AbortSignal): Promise<Permit> {
    if (signal.aborted) return Promise.reject(signal.reason);
    const permit = this.#line.size === 0 && !this.#deps.paused() ? this.#blocks.hand() : null;
    if (!permit) return this.#wait(taker, signal);
    if (this.#blocks.stock < this.#aheadNow() / 2) this.#ask();
    return Promise.resolve(permit);
  }

  /** The connection pauses: nothing in stock may be used. */
  pause(): void {
    this.#blocks.giveBack();
    this.#go();
  }

  async close(): Promise<void> {
    this.#stopSleeping();
    this.#rejectAll(new Error('the destination was closed'));
    await this.#asking;
    await this.#blocks.close();
  }

  #wait(taker: string, signal: AbortSignal): Promise<Permit> {
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, signal, onAbort: () => this.#leave(taker, waiter) };
      signal.addEventListener('abort', waiter.onAbort, { once: true });
      this.#line.add(taker, waiter);
      this.#go();
    });
  }

  #leave(taker: string, waiter: Waiter): void {
    this.#line.remove(taker, waiter);
    if (this.#line.size === 0) this.#stopSleeping();
    waiter.reject(waiter.signal.reason);
  }

  #next(): Waiter | undefined {
    const waiter = this.#line.next();
    waiter?.signal.removeEventListener('abort', waiter.onAbort);
    return waiter;
  }

  #rejectAll(error: unknown): void {
    for (let waiter = this.#next(); waiter; waiter = this.#next()) waiter.reject(error);
  }

  /** Whatever is the next thing to do for those who wait. */
  #go(): void {
    this.#serve();
    if (this.#line.size === 0 || this.#asking || this.#timer) return;
    const paused = this.#deps.pausedFor();
    if (paused > PARK_AFTER_MS) this.#rejectAll(parked('the connection is paused', paused));
    else if (paused > 0) this.#sleep(paused);
    else this.#ask();
  }

  #serve(): void {
    while (this.#line.size > 0 && !this.#deps.paused()) {
      const permit = this.#blocks.hand();
      if (!permit) return;
      this.#next()?.resolve(permit);
    }
  }

  #sleep(ms: number): void {
    this.#timer = setTimeout(() => {
      this.#timer = null;
      this.#go();
    }, Math.ceil(ms));
  }

  #stopSleeping(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
  }

  #aheadNow(): number {
    return this.#deps.now() < this.#dryUntil ? 0 : this.#ahead;
  }

  #ask(): void {
    if (this.#asking || this.#timer) return;
    this.#asking = this.#askStore().finally(() => {
      this.#asking = null;
      if (!this.#timer) this.#go();
    });
  }

  async #askStore(): Promise<void> {
    const takenAt = this.#deps.now();
    if (takenAt - this.#askedAt < ASK_EVERY_MS) this.#ahead = Math.min(this.#mostAhead, Math.max(1, this.#ahead * 2));
    this.#askedAt = takenAt;
    const want = this.#line.size + Math.max(0, this.#aheadNow() - this.#blocks.stock);
    const { connection, process: taker, store } = this.#deps;
    try {
      const grant = await store.takePermits({ connection, windows: this.#windows, want, taker });
      if (grant.granted > 0) this.#blocks.add(grant.block, this.#windows, { count: grant.granted, takenAt });
      if (grant.granted < want) return this.#onShort(grant);
    } catch (error) {
      this.#rejectAll(error);
    }
  }

  /** Fewer than wanted: the window is used up, or the connection is paused. */
  #onShort({ granted, retryInMs, reason }: PermitGrant): void {
    if (reason === 'paused') {
      this.#deps.onPaused(retryInMs);
      return;
    }
    this.#dryUntil = this.#deps.now() + Math.min(LONGEST_DRY_MS, ...this.#windows.map(({ perMs }) => perMs));
    this.#serve();
    if (granted > 0) this.#sleep(LEAST_WAIT_MS);
    else if (retryInMs > PARK_AFTER_MS) this.#rejectAll(parked('a limit is used up', retryInMs));
    else this.#sleep(Math.min(MOST_WAIT_MS, Math.max(LEAST_WAIT_MS, retryInMs)));
  }
}

export function parked(why: string, retryAfterMs: number): UpriverError {
  return new UpriverError(
    'REMOTE_LIMIT_PARK',
    `${why}: the next request may leave in ${Math.ceil(retryAfterMs / 1000)} s`,
    {
      hint: 'Nothing to do: the loop goes on by itself then. For more requests, raise the plan with the provider and `limits` here.',
      retry: true,
      retryAfterMs: Math.ceil(retryAfterMs),
    },
  );
}
