/** Times in reply headers, which each API writes in its own way. */

type Headers = Readonly<Record<string, string>>;

/** A daily quota is back within a day: who names a later time is asked again then, and a wrong clock costs no more than that. */
const MOST_MS = 25 * 3_600_000;
/** From here on a number is a moment, in seconds or in milliseconds since 1970; below it is a span in seconds. */
const FIRST_EPOCH_SECONDS = 1_000_000_000;
const FIRST_EPOCH_MS = 1_000_000_000_000;
/** RFC 9110's dates begin with a weekday. `Date.parse` by itself takes nearly any text for a date. */
const DATE = /^(\d{4}-\d\d-\d\dT\d\d:\d\d|(mon|tue|wed|thu|fri|sat|sun)[a-z]*,? )/i;
const ZONE = /(z|gmt|utc|[+-]\d\d:?\d\d)$/i;

/** Milliseconds until the time that a header names, at most a day or so; null: it names none. `now` as of `clockOf`. */
export function untilMs(text: string | undefined, now: number): number | null {
  const number = numberIn(text);
  if (number !== null && number < FIRST_EPOCH_SECONDS) return within(number * 1000);
  const moment = number === null ? dateIn(text) : number < FIRST_EPOCH_MS ? number * 1000 : number;
  return moment === null ? null : within(moment - now);
}

/** The moments that a reply names are on its server's clock; `now`, our own, is for replies that do not tell theirs. */
export function clockOf(headers: Headers, now: number): number {
  return dateIn(headers.date) ?? now;
}

/** A plain decimal number and nothing else. */
export function numberIn(text: string | undefined): number | null {
  return text !== undefined && /^\s*\d+(\.\d+)?\s*$/.test(text) ? Number(text) : null;
}

function dateIn(text = ''): number | null {
  const date = text.trim();
  if (!DATE.test(date)) return null;
  const moment = Date.parse(ZONE.test(date) ? date : `${date}Z`);
  return Number.isNaN(moment) ? null : moment;
}

function within(ms: number): number {
  return Math.ceil(Math.min(Math.max(ms, 0), MOST_MS));
}
