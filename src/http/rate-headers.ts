/** What reply headers say about rate limits: how much is left, and how long to wait. Header names are in lower case. */
import { clockOf, numberIn, untilMs } from './header-time.ts';

type Headers = Readonly<Record<string, string>>;

/** What one header says about one window. */
export interface RateReading {
  /** null: the server does not say over what span. */
  perMs: number | null;
  remaining: number;
  /** Until the server counts from zero again; null: it rolls, or it does not say. */
  resetMs: number | null;
}

const DAY_MS = 86_400_000;
/** Daily quotas end at some midnight that HubSpot does not name: look again after this. */
const LONGEST_GUESS_MS = 15 * 60_000;
/** How long everyone waits after a 429 that does not say: HubSpot's window. */
const DEFAULT_PAUSE_MS = 10_000;
/** Servers round down, and some say 0: sending at once would only be refused again, and again. */
const LEAST_PAUSE_MS = 1_000;

/** How long a connection pauses after a 429. `now`: our wall clock, for a server that does not tell its own. */
export function pauseMs(headers: Headers, now: number): number {
  return Math.max(LEAST_PAUSE_MS, retryAfterMs(headers, now) ?? DEFAULT_PAUSE_MS);
}

/**
 * Milliseconds that the server asks to wait, by Retry-After (RFC 9110: seconds or a date), else by the rate limits that it
 * says are used up. null: it does not say.
 */
export function retryAfterMs(headers: Headers, now: number): number | null {
  const asked = untilMs(headers['retry-after'], clockOf(headers, now));
  if (asked !== null) return asked;
  const waits = readRates(headers, now).flatMap((rate) => (rate.remaining > 0 ? [] : (untilRoom(rate) ?? [])));
  return waits.length === 0 ? null : Math.max(...waits);
}

/** A window that rolls has surely room after its whole span. */
function untilRoom({ resetMs, perMs }: RateReading): number | null {
  return resetMs ?? (perMs === null ? null : Math.min(perMs, LONGEST_GUESS_MS));
}

/** HubSpot's headers, RateLimit with RateLimit-Policy (IETF draft 8 and later), RateLimit-* (earlier drafts), X-RateLimit-*. */
export function readRates(headers: Headers, now: number): RateReading[] {
  return [...hubSpot(headers), ...structured(headers), ...plain(headers, PLAIN, now), ...plain(headers, PLAIN_X, now)];
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
    return [{ perMs: toMs(policies.get(name)?.get('w')), remaining, resetMs: untilMs(parameters.get('t'), 0) }];
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

function plain(headers: Headers, names: typeof PLAIN, now: number): RateReading[] {
  const remaining = numberIn(headers[names.remaining]);
  if (remaining === null) return [];
  const span = /;\s*w=(\d+)/.exec(headers[names.limit] ?? '')?.[1];
  return [{ perMs: toMs(span), remaining, resetMs: untilMs(headers[names.reset], clockOf(headers, now)) }];
}

function toMs(seconds: string | undefined): number | null {
  const number = numberIn(seconds);
  return number === null ? null : number * 1000;
}
