/** How many bad rows are too many. */
import type { Tolerance } from '../contracts/plan.ts';

/** `tolerate`: more bad rows than this fail the loop. */
export function exceeds(bad: number, read: number, limit: Tolerance): boolean {
  return 'rows' in limit ? bad > limit.rows : bad * 100 > limit.percent * read;
}

/** `stop_after`: so many bad rows end the loop early. */
export function reaches(bad: number, read: number, limit: Tolerance): boolean {
  if (bad === 0) return false;
  return 'rows' in limit ? bad >= limit.rows : bad * 100 >= limit.percent * read;
}
