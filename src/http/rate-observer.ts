/** Learns from the rate-limit headers of replies what other programs with the same token use up. */
import type { PermitStore } from '../core/permits.ts';
import { readRates } from './rate-headers.ts';
import type { PathWindow } from './windows.ts';

export interface ObserverDeps {
  windows: readonly PathWindow[];
  store: PermitStore;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Epoch milliseconds. */
  wallClock: () => number;
  pause: (forMs: number) => Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

/** Notes are a transaction each: at most 400 in a window's span. */
const NOTES_PER_WINDOW = 400;
const LEAST_BETWEEN_MS = 25;
const MOST_BETWEEN_MS = 5_000;
/** The server counts a little before us and a little after: smaller differences are not others' requests, while some is left. */
const SLACK = 0.05;

/** Never throws: what cannot be noted now is said by the next reply's headers again. */
export function createObserver(deps: ObserverDeps): (headers: Headers) => void {
  const everywhere = deps.windows.filter((window) => window.everywhere);
  const notedAt = new Map<PathWindow, number>();

  const note = (window: PathWindow, remaining: number) => {
    const left = Math.max(0, remaining);
    const used = window.limit - left - Math.min(left, Math.ceil(window.limit * SLACK));
    const between = Math.min(MOST_BETWEEN_MS, Math.max(LEAST_BETWEEN_MS, window.window.perMs / NOTES_PER_WINDOW));
    const now = deps.now();
    if (used <= 0 || now - (notedAt.get(window) ?? Number.NEGATIVE_INFINITY) < between) return;
    notedAt.set(window, now);
    deps.store.noteForeign(window.window, used).catch(() => {});
  };

  return (headers) => {
    for (const { perMs, remaining, resetMs } of readRates(headers, deps.wallClock())) {
      const window = everywhere.find((known) => known.window.perMs === perMs);
      if (window) note(window, remaining);
      else if (remaining <= 0 && resetMs) deps.pause(resetMs).catch(() => {});
    }
  };
}
