/** How long a server asks to wait, in whatever header it says so. */

const MOST_SECONDS = 31 * 86_400;
/** Daily quotas end at some midnight that HubSpot does not name: look again after this. */
const DAILY_PROBE_MS = 15 * 60_000;
/** Above this a reset is a moment (seconds since 1970), below it a span. */
const EARLIEST_EPOCH_SECONDS = 1_000_000_000;

/**
 * Milliseconds to wait, from Retry-After (RFC 9110: seconds or a date), else from a rate limit that is used up
 * (RateLimit, RateLimit-Reset, X-RateLimit-Reset, X-HubSpot-RateLimit-*). null: the server does not say.
 * `now` is the wall clock in ms. Headers have lower-case names.
 */
export function retryAfterMs(headers: Readonly<Record<string, string>>, now: number): number | null {
  return (
    fromRetryAfter(headers['retry-after'], now) ??
    fromRateLimit(headers.ratelimit) ??
    fromReset(headers['ratelimit-remaining'], headers['ratelimit-reset'], now) ??
    fromReset(headers['x-ratelimit-remaining'], headers['x-ratelimit-reset'], now) ??
    fromHubSpot(headers)
  );
}

function fromRetryAfter(value: string | undefined, now: number): number | null {
  if (!value) return null;
  const text = value.trim();
  if (/^\d+(\.\d+)?$/.test(text)) return toMs(Number(text));
  const date = Date.parse(text);
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}

/** `RateLimit: "default";r=0;t=30` (IETF draft 8 and later). */
function fromRateLimit(value: string | undefined): number | null {
  if (!value || !/;\s*r=0\b/.test(value)) return null;
  const seconds = /;\s*t=(\d+)/.exec(value)?.[1];
  return seconds === undefined ? null : toMs(Number(seconds));
}

function fromReset(remaining: string | undefined, reset: string | undefined, now: number): number | null {
  if (remaining === undefined || reset === undefined || Number.parseFloat(remaining) > 0) return null;
  const seconds = Number.parseFloat(reset);
  if (Number.isNaN(seconds)) return null;
  return seconds < EARLIEST_EPOCH_SECONDS ? toMs(seconds) : Math.max(0, seconds * 1000 - now);
}

/** HubSpot's windows roll: after a whole interval there is surely room. */
function fromHubSpot(headers: Readonly<Record<string, string>>): number | null {
  if (headers['x-hubspot-ratelimit-daily-remaining'] === '0') return DAILY_PROBE_MS;
  if (headers['x-hubspot-ratelimit-remaining'] !== '0') return null;
  const interval = Number(headers['x-hubspot-ratelimit-interval-milliseconds']);
  return interval > 0 ? interval : null;
}

function toMs(seconds: number): number {
  return Math.ceil(Math.min(seconds, MOST_SECONDS) * 1000);
}
