/** How many bad rows are too many. */
import type { Tolerance } from '../contracts/plan.ts';

/** `tolerate`: more bad rows than this fail the loop. */
export function exceeds(bad: number, read: number, limit: Tolerance): boolean {
  return 'rows' in limit ? bad > limit.rows : bad * 100 > limit.percent * read;
}

/** The same as a number of rows, of so many: `more` bad rows than it are too many, or `as` many. */
export function asRows(limit: Tolerance, of: number, tooMany: 'more' | 'as'): Tolerance {
  if ('rows' in limit) return limit;
  const rows = (limit.percent * of) / 100;
  return { rows: tooMany === 'more' ? Math.floor(rows) : Math.max(Math.ceil(rows), 1) };
}

/** `stop_after`: so many bad rows end the loop early. */
export function reaches(bad: number, read: number, limit: Tolerance): boolean {
  if (bad === 0) return false;
  return 'rows' in limit ? bad >= limit.rows : bad * 100 >= limit.percent * read;
}
