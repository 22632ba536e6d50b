/** Numbers, durations and counts as people read them. */
import { COUNTED, type CountedOutcome, type RowCounts } from '../core/outcomes.ts';

const UNITS = [
  ['d', 86_400_000],
  ['h', 3_600_000],
  ['m', 60_000],
] as const;

/** `850 ms`, `4.2 s`, `3m 20s`, `2h 5m`, `1d 3h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 59_950) return `${(ms / 1000).toFixed(1)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m ${seconds % 60}s`;
  const [first, second] = seconds < 86_400 ? [UNITS[1], UNITS[2]] : [UNITS[0], UNITS[1]];
  const whole = Math.floor((seconds * 1000) / first[1]);
  return `${whole}${first[0]} ${Math.floor((seconds * 1000 - whole * first[1]) / second[1])}${second[0]}`;
}

/** `1,234,567` */
export function number(value: number): string {
  return value.toLocaleString('en-US', { maximumFractionDigits: 0 });
}

export function plural(count: number, noun: string): string {
  return `${number(count)} ${noun}${count === 1 ? '' : 's'}`;
}

/** Rows a second, with a decimal while slow. */
export function rate(perSecond: number): string {
  return perSecond < 10 ? perSecond.toFixed(1) : number(perSecond);
}

/** `not_attempted` is written `not attempted` for people. */
export function outcomeLabel(outcome: CountedOutcome): string {
  return outcome.replace('_', ' ');
}

/** The outcomes that occurred: `delivered 480, skipped 20`. Empty text: none yet. */
export function outcomes(counts: RowCounts, omit: readonly CountedOutcome[] = []): string {
  return COUNTED.filter((name) => counts[name] > 0 && !omit.includes(name))
    .map((name) => `${outcomeLabel(name)} ${number(counts[name])}`)
    .join(', ');
}

/** Local time to the second: `2026-11-22 17:44:17`. */
export function timestamp(epochMs: number): string {
  return new Date(epochMs).toLocaleString('sv-SE');
}
