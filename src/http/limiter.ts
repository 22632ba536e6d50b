/** A connection's limiter in this process: places in flight, permits in the windows of its limits, and pauses. */
import type { HttpConnectionPlan } from '../contracts/plan.ts';
import type { PermitStore } from '../core/permits.ts';
import type { Limiter, Permit } from './http-client.ts';
import { PARK_AFTER_MS, PermitQueue, parked, type QueueDeps } from './permit-queue.ts';
import { createObserver, type PathWindow } from './rate-headers.ts';

export interface LimiterDeps {
  permits: PermitStore;
  /** Monotonic milliseconds. */
  now: () => number;
  random: () => number;
}

export interface OpenLimiter extends Limiter {
  /** Hands back what is in hand and reports what is known. */
  close(): Promise<void>;
}

/** How often an unlimited connection in use looks whether another process has paused it. */
const WATCH_PAUSE_MS = 1000;

export function openLimiter(plan: HttpConnectionPlan, deps: LimiterDeps): OpenLimiter {
  const places = createPlaces(plan.maxInFlight);
  const pause = createPause(deps.now);
  const process = `${plan.name}-${Math.floor(deps.random() * 2 ** 52).toString(36)}`;
  const windows = windowsOf(plan);
  const queues = createQueues(windows, {
    connection: plan.name,
    process,
    store: deps.permits,
    now: deps.now,
    paused: () => pause.left() > 0,
    pausedFor: pause.left,
    onPaused: pause.extend,
  });
  const watch =
    windows.length > 0
      ? null
      : watchPause({ connection: plan.name, process, store: deps.permits, onPaused: pause.extend });
  const pauseAll = (forMs: number) => {
    pause.extend(forMs);
    for (const queue of queues.all()) queue.pause();
    return deps.permits.pauseConnection(plan.name, forMs);
  };
  return {
    unlimited: windows.length === 0,
    ...places,
    enter: () => {
      watch?.touch();
      return places.enter();
    },
    permit: (path, taker, signal) => queues.for(path)?.take(taker, signal) ?? pause.permit(signal),
    pause: pauseAll,
    pausedFor: pause.left,
    observe: createObserver({ windows, store: deps.permits, now: deps.now, pause: pauseAll }),
    close: async () => {
      watch?.stop();
      await Promise.all(queues.all().map((queue) => queue.close()));
    },
  };
}

type Places = Pick<Limiter, 'enter' | 'leave'>;

/** A place that is left goes to the first in line: who just left one cannot overtake. */
function createPlaces(size: number): Places {
  let free = size;
  const line: (() => void)[] = [];
  return {
    enter() {
      if (free === 0) return new Promise((resolve) => line.push(resolve));
      free--;
      return undefined;
    },
    leave() {
      const next = line.shift();
      if (next) next();
      else free++;
    },
  };
}

interface Pause {
  left: () => number;
  extend: (forMs: number) => void;
  /** For requests that no window counts: a permit as soon as the pause is over. */
  permit: (signal: AbortSignal) => Promise<Permit>;
}

function createPause(now: () => number): Pause {
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

/** A window per limit, less the share that is left to other programs. Of two over the same span and paths the smaller holds. */
function windowsOf({ name, limits, reserve }: HttpConnectionPlan): PathWindow[] {
  const byId = new Map<string, PathWindow>();
  for (const { requests, perMs, paths } of limits) {
    const id = [name, perMs, ...(paths ?? [])].join(' ');
    const allowed = Math.max(1, Math.floor(requests * (1 - reserve)));
    if ((byId.get(id)?.limit ?? Number.POSITIVE_INFINITY) <= requests) continue;
    byId.set(id, {
      window: { id, requests: allowed, perMs },
      limit: requests,
      everywhere: paths === null,
      matches: matcher(paths),
    });
  }
  return [...byId.values()];
}

/** `*` stands for one segment of a path or a part of it, `**` for any number. */
function matcher(paths: string[] | null): (path: string) => boolean {
  if (paths === null) return () => true;
  const patterns = paths.map((glob) => new RegExp(`^${glob.split('**').map(segmentPattern).join('.*')}$`));
  return (path) => patterns.some((pattern) => pattern.test(path));
}

function segmentPattern(glob: string): string {
  return glob
    .split('*')
    .map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
    .join('[^/]*');
}

interface Queues {
  /** null: no window counts this path. */
  for: (path: string) => PermitQueue | null;
  all: () => PermitQueue[];
}

/** A queue per set of windows that a request can be counted in. */
function createQueues(windows: readonly PathWindow[], deps: QueueDeps): Queues {
  const queues = new Map<string, PermitQueue>();
  return {
    for: (path) => {
      const counting = windows.filter(({ matches }) => matches(path)).map(({ window }) => window);
      if (counting.length === 0) return null;
      const key = counting.map(({ id }) => id).join('\n');
      const queue = queues.get(key) ?? new PermitQueue(counting, deps);
      queues.set(key, queue);
      return queue;
    },
    all: () => [...queues.values()],
  };
}

type WatchDeps = Pick<QueueDeps, 'connection' | 'process' | 'store' | 'onPaused'>;

/** Permits of an unlimited connection are not asked for, so another process's pause has to be looked for. */
function watchPause({ connection, process: taker, store, onPaused }: WatchDeps): {
  touch: () => void;
  stop: () => void;
} {
  let timer: NodeJS.Timeout | null = null;
  const look = async () => {
    const grant = await store.takePermits({ connection, windows: [], want: 1, taker });
    if (grant.reason === 'paused') onPaused(grant.retryInMs);
  };
  const lookThenRest = async () => {
    // A store that is away is noticed by those who must write to it.
    await look().catch(() => {});
    timer = null;
  };
  return {
    touch: () => {
      timer ??= setTimeout(lookThenRest, WATCH_PAUSE_MS).unref();
    },
    stop: () => {
      if (timer) clearTimeout(timer);
    },
  };
}
