/** A connection's pause as this process knows it: after a 429 nobody sends, here or in any other process. */
import type { PermitStore } from '../core/permits.ts';
import type { Permit } from './http-client.ts';
import { PARK_AFTER_MS, parked } from './permit-queue.ts';

/** How often a connection in use looks whether another process has paused it, where it need not ask for permits. */
const WATCH_MS = 1_000;

export interface Pause {
  /** Milliseconds until it ends; 0: not paused. */
  left: () => number;
  /** The later of two pauses holds. */
  extend: (forMs: number) => void;
  /** For requests that no window counts: a permit as soon as the pause is over. Throws as `Limiter.permit` does. */
  permit: (signal: AbortSignal) => Promise<Permit>;
}

export function createPause(now: () => number): Pause {
  let until = 0;
  const left = () => Math.max(0, until - now());
  const free: Permit = { fresh: () => left() === 0, answered: () => {}, unused: () => {} };
  return {
    left,
    extend: (forMs) => {
      until = Math.max(until, now() + forMs);
    },
    permit: async (signal) => {
      signal.throwIfAborted();
      for (let ms = left(); ms > 0; ms = left()) {
        if (ms > PARK_AFTER_MS) throw parked('the connection is paused', ms);
        await sleep(ms, signal);
      }
      return free;
    },
  };
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const onAbort = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', onAbort);
      resolve();
    }, Math.ceil(ms));
    signal.addEventListener('abort', onAbort, { once: true });
  });
}

export interface WatchDeps {
  connection: string;
  /** Names this process to the store. */
  process: string;
  store: PermitStore;
  onPaused: (forMs: number) => void;
}

export interface PauseWatch {
  /** The connection is in use. Resolves when what is looked for now is known. */
  touch: () => Promise<void>;
  stop: () => void;
}

/** Where permits need not be asked for, another process's pause has to be looked for. */
export function watchPause({ connection, process, store, onPaused }: WatchDeps): PauseWatch {
  /** Of the last look, until it is time for the next one. */
  let looked: Promise<void> | null = null;
  let timer: NodeJS.Timeout | null = null;
  const look = async () => {
    const grant = await store.takePermits({ connection, windows: [], want: 0, taker: `${process}-watch` });
    if (grant.reason === 'paused') onPaused(grant.retryInMs);
  };
  const lookThenRest = async () => {
    // A store that is away is noticed by those who must write to it.
    await look().catch(() => {});
    timer = setTimeout(() => {
      looked = null;
    }, WATCH_MS).unref();
  };
  return {
    touch: () => {
      looked ??= lookThenRest();
      return looked;
    },
    stop: () => {
      if (timer) clearTimeout(timer);
    },
  };
}
