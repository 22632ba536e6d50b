/** Learns from the rate-limit headers of replies what other programs with the same token use up. */
import type { PermitStore } from '../core/permits.ts';
import type { PathWindow } from './windows.ts';

/** What one header says about one window. */
export interface RateReading {
  /** null: the server does not say over what span. */
  perMs: number | null;
  remaining: number;
  /** Until the server counts from zero again; null: it rolls, or it does not say. */
  resetMs: number | null;
}

export interface ObserverDeps {
  windows: readonly PathWindow[];
  store: PermitStore;
  /** Monotonic milliseconds. */
  now: () => number;
  pause: (forMs: number) => Promise<void>;
}

type Headers = Readonly<Record<string, string>>;

const DAY_MS = 86_400_000;
/** Notes are a transaction each: at most 400 in a window's span. */
const NOTES_PER_WINDOW = 400;
const LEAST_BETWEEN_MS = 25;
const MOST_BETWEEN_MS = 5_000;
/** The server counts a little before us and a little after: smaller differences are not others' requests, while some is left. */
const SLACK = 0.05;
/** Above this a reset is a moment (seconds since 1970), below it a span. */
const EARLIEST_EPOCH_SECONDS = 1_000_000_000;

/** Never throws: what cannot be noted now is said by the next reply's headers again. */
export function createObserver(deps: ObserverDeps): (status: number, headers: Headers) => void {
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

  return (_status, headers) => {
    for (const { perMs, remaining, resetMs } of readRates(headers)) {
      const window = everywhere.find((known) => known.window.perMs === perMs);
      if (window) note(window, remaining);
      else if (remaining <= 0 && resetMs) deps.pause(resetMs).catch(() => {});
    }
  };
}

/** HubSpot's headers, RateLimit with RateLimit-Policy (IETF draft 8 and later), RateLimit-* (earlier drafts), X-RateLimit-*. */
export function readRates(headers: Headers): RateReading[] {
  return [...hubSpot(headers), ...structured(headers), ...plain(headers, PLAIN), ...plain(headers, PLAIN_X)];
}

function hubSpot(headers: Headers): RateReading[] {
  const short = reading(headers['x-hubspot-ratelimit-remaining'], headers['x-hubspot-ratelimit-interval-milliseconds']);
  const daily = reading(headers['x-hubspot-ratelimit-daily-remaining'], String(DAY_MS));
  return [...short, ...daily];
}

function reading(remaining: string | undefined, perMs: string | undefined): RateReading[] {
  const left = numberIn(remaining);
  return left === null ? [] : [{ perMs: numberIn(perMs), remaining: left, resetMs: null }];
}

/** `RateLimit: "burst";r=50;t=30` beside `RateLimit-Policy: "burst";q=100;w=60`. */
function structured(headers: Headers): RateReading[] {
  if (!headers.ratelimit) return [];
  const policies = new Map(items(headers['ratelimit-policy']).map(({ name, parameters }) => [name, parameters]));
  return items(headers.ratelimit).flatMap(({ name, parameters }) => {
    const remaining = numberIn(parameters.get('r'));
    if (remaining === null) return [];
    return [{ perMs: toMs(policies.get(name)?.get('w')), remaining, resetMs: toMs(parameters.get('t')) }];
  });
}

function items(header: string | undefined): { name: string; parameters: Map<string, string> }[] {
  return (header ?? '').split(',').map((item) => {
    const [name = '', ...pairs] = item.split(';').map((part) => part.trim());
    return { name, parameters: new Map(pairs.map((pair) => pair.split('=', 2) as [string, string])) };
  });
}

const PLAIN = plainNames('ratelimit');
const PLAIN_X = plainNames('x-ratelimit');

function plainNames(prefix: string): { remaining: string; limit: string; reset: string } {
  return { remaining: `${prefix}-remaining`, limit: `${prefix}-limit`, reset: `${prefix}-reset` };
}

function plain(headers: Headers, names: typeof PLAIN): RateReading[] {
  const remaining = numberIn(headers[names.remaining]);
  if (remaining === null) return [];
  const span = /;\s*w=(\d+)/.exec(headers[names.limit] ?? '')?.[1];
  return [{ perMs: toMs(span), remaining, resetMs: resetIn(headers[names.reset], headers.date) }];
}

/** A moment is measured by the server's own clock, its Date header. */
function resetIn(reset: string | undefined, date: string | undefined): number | null {
  const seconds = numberIn(reset);
  if (seconds === null || seconds < EARLIEST_EPOCH_SECONDS) return seconds === null ? null : seconds * 1000;
  const serverNow = Date.parse(date ?? '');
  return Number.isNaN(serverNow) ? null : Math.max(0, seconds * 1000 - serverNow);
}

function toMs(seconds: string | undefined): number | null {
  const number = numberIn(seconds);
  return number === null ? null : number * 1000;
}

function numberIn(text: string | undefined): number | null {
  if (text === undefined) return null;
  const number = Number.parseFloat(text);
  return Number.isFinite(number) ? number : null;
}
