/**
 * How many permits a taker gets. A permit counts from when it is taken until W after its answer came, so that no
 * window of length W holds more than its limit, wherever between the two the server draws the line.
 */
import type { Window } from '../core/permits.ts';

/**
 * A block nobody reports on frees itself this long after W: 1 s in which its requests may leave, and 1 s for them
 * to reach the server.
 */
export const LEASE_MS = 2_000;
/** Who was told to ask again at a time, and did not come this long after it, is no longer waited for. */
export const WAITER_GRACE_MS = 2_000;
const SHORT_WINDOW_MS = 60_000;

/** What is counted in one window now, by taker. */
export interface WindowUse {
  window: Window;
  held: ReadonlyMap<string, number>;
  /** When the next permit may stop counting; null: none counts. */
  nextAt: number | null;
}

export interface Waiter {
  taker: string;
  want: number;
  /** When it was told to ask again. Before that nothing is kept for it: it would lie idle. */
  dueAt: number;
}

export interface Decision {
  granted: number;
  /** When asking for the rest can help; `now` if nothing is missing. */
  retryAt: number;
}

/** `waiters`: others who wait on the same connection. */
export function decideGrant(
  want: number,
  uses: readonly WindowUse[],
  waiters: readonly Waiter[],
  now: number,
): Decision {
  const due = waiters.filter(({ dueAt }) => dueAt <= now && now < dueAt + WAITER_GRACE_MS);
  const rooms = uses.map((use) => ({ use, room: Math.max(0, roomBeside(due, use)) }));
  const granted = Math.min(want, ...rooms.map(({ room }) => room));
  if (granted === want) return { granted, retryAt: now };
  const blocking = rooms.filter(({ room }) => room === granted);
  return { granted, retryAt: Math.max(...blocking.map(({ use }) => nextChange(use, due, now))) };
}

/**
 * How long the times at which permits stop counting may be rounded up, so that they can be counted together:
 * at most 0.2 % of a short window, a 1,440th of a long one (a day: by the minute).
 */
export function bucketMs(perMs: number): number {
  if (perMs > SHORT_WINDOW_MS) return Math.ceil(perMs / 1_440);
  return Math.min(20, Math.max(1, Math.floor(perMs / 500)));
}

/** When a permit whose answer came at `answeredAt` stops counting: never too early. */
export function freesAt(answeredAt: number, perMs: number): number {
  const bucket = bucketMs(perMs);
  return Math.ceil((answeredAt + perMs) / bucket) * bucket;
}

/** What is free, less what those who wait still lack of an even share. */
function roomBeside(others: readonly Waiter[], use: WindowUse): number {
  const share = Math.floor(use.window.requests / (others.length + 1));
  let room = use.window.requests;
  for (const count of use.held.values()) room -= count;
  for (const other of others) {
    const lacking = share - (use.held.get(other.taker) ?? 0);
    room -= Math.max(0, Math.min(other.want, lacking));
  }
  return room;
}

function nextChange(use: WindowUse, others: readonly Waiter[], now: number): number {
  const times = others.map(({ dueAt }) => dueAt + WAITER_GRACE_MS);
  if (use.nextAt !== null) times.push(use.nextAt);
  return Math.max(now + 1, times.length === 0 ? now + use.window.perMs : Math.min(...times));
}
