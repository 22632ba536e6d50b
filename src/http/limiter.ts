/** A connection's limiter in this process: places in flight, permits in the windows of its limits, and pauses. */
import type { HttpConnectionPlan } from '../contracts/plan.ts';
import type { PermitStore } from '../core/permits.ts';
import type { Limiter } from './http-client.ts';
import { createPause, watchPause } from './pause.ts';
import { PermitQueue, type QueueDeps } from './permit-queue.ts';
import { createObserver } from './rate-observer.ts';
import { Slots } from './slots.ts';
import { windowsOf } from './windows.ts';

export interface LimiterDeps {
  permits: PermitStore;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Epoch milliseconds: for replies that name a moment and not the server's own time. */
  wallClock: () => number;
  /** 0 to 1. */
  random: () => number;
}

export interface OpenLimiter extends Limiter {
  /** A pause that is in force by now is known. */
  readonly ready: Promise<void>;
  /** Hands back what is in hand and reports what is known. */
  close(): Promise<void>;
}

export function openLimiter(
  plan: HttpConnectionPlan,
  { permits: store, now, wallClock, random }: LimiterDeps,
): OpenLimiter {
  const windows = windowsOf(plan);
  const unlimited = windows.length === 0;
  const places = new Slots(plan.maxInFlight);
  const pause = createPause(now);
  const countedBy = (path: string) => windows.filter(({ matches }) => matches(path)).map(({ window }) => window);
  const process = `${plan.name}-${Math.floor(random() * 2 ** 52).toString(36)}`;
  const shared = { connection: plan.name, process, store, onPaused: pause.extend };
  const queues = createQueues(countedBy, { ...shared, now, paused: () => pause.left() > 0, pausedFor: pause.left });
  // Where a window counts every path, whoever asks for permits is told of a pause.
  const watch = windows.some(({ everywhere }) => everywhere) ? null : watchPause(shared);
  const pauseAll = (forMs: number) => {
    pause.extend(forMs);
    for (const queue of queues.all()) queue.pause();
    return store.pauseConnection(plan.name, forMs);
  };
  return {
    ready: watch?.touch() ?? Promise.resolve(),
    unlimited,
    enter: () => {
      void watch?.touch();
      return places.enter();
    },
    leave: () => places.leave(),
    permit: (path, taker, signal) => queues.for(path)?.take(taker, signal) ?? pause.permit(signal),
    windowsOf: countedBy,
    pause: pauseAll,
    pausedFor: pause.left,
    observe: createObserver({ windows, store, now, wallClock, pause: pauseAll }),
    close: async () => {
      watch?.stop();
      await Promise.all(queues.all().map((queue) => queue.close()));
    },
  };
}

interface Queues {
  /** null: no window counts this path. */
  for: (path: string) => PermitQueue | null;
  all: () => PermitQueue[];
}

/** A queue per set of windows that a request can be counted in. */
function createQueues(windowsOf: Limiter['windowsOf'], deps: QueueDeps): Queues {
  const queues = new Map<string, PermitQueue>();
  return {
    for: (path) => {
      const counting = windowsOf(path);
      if (counting.length === 0) return null;
      const key = counting.map(({ id }) => id).join('\n');
      const queue = queues.get(key) ?? new PermitQueue(counting, deps);
      queues.set(key, queue);
      return queue;
    },
    all: () => [...queues.values()],
  };
}
