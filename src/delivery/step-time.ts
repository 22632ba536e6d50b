/**
 * Time of rows in steps that have a `timeout`: their requests on the wire and the pauses between tries. Waits that are not
 * a row's own (limits, places in flight, outages) take none of it.
 */
import type { StepPlan } from '../contracts/plan.ts';
import { formatDuration } from '../core/durations.ts';
import type { Progress, TimedStep, Unit } from './task.ts';

type Timed = Pick<Unit, 'rows' | 'timed'>;

/** Where no step around a request has a timeout. */
export const UNTIMED: readonly TimedStep[] = [];

/** `step` within `around`. */
export function timedBy({ id, timeoutMs }: StepPlan, around = UNTIMED): readonly TimedStep[] {
  return timeoutMs === null ? around : [...around, { id, timeoutMs }];
}

export function spend({ rows, timed }: Timed, ms: number): void {
  for (const { id } of timed) {
    for (const { progress } of rows) progress.spent = { ...progress.spent, [id]: (progress.spent[id] ?? 0) + ms };
  }
}

/** The step has its time again. */
export function forgetTime(progress: Progress, id: string): void {
  const { [id]: _, ...others } = progress.spent;
  progress.spent = others;
}

/** Whole milliseconds, of the row that has the most: it is not to lose time by riding with others. Infinity: no timeout. */
export function timeLeft({ rows, timed }: Timed): number {
  let least = Number.POSITIVE_INFINITY;
  for (const step of timed) least = Math.min(least, leftIn(step, rows));
  return least;
}

/** Says which step's time is over; null: none's. */
export function lateness({ rows, timed }: Timed): string | null {
  const step = timed.find((one) => leftIn(one, rows) <= 0);
  return step ? `Step ${step.id} did not end within its timeout of ${formatDuration(step.timeoutMs)}` : null;
}

function leftIn({ id, timeoutMs }: TimedStep, rows: Unit['rows']): number {
  const spent = rows.map(({ progress }) => progress.spent[id] ?? 0);
  return Math.floor(timeoutMs - Math.min(...spent));
}
