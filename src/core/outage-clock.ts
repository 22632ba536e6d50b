/** How long a destination has been away, and how long to leave it alone before the next look. */
import type { RowCounts } from './outcomes.ts';

const SHORTEST_PAUSE_MS = 1_000;
const LONGEST_PAUSE_MS = 5 * 60_000;

export interface OutageClock {
  /** Epoch ms of the outage's first failure; null: the destination answers. */
  outageSince: number | null;
  /** Rows that it had answered for by then. Carries of an earlier version are without. */
  answered?: number;
}

/** The clock after a stretch that ended in an outage. It begins anew only where the destination has answered in between. */
export function noteOutage(
  clock: OutageClock,
  rows: RowCounts,
  now: number,
): { outageSince: number; answered: number } {
  const since = hasAnswered(clock, rows) ? null : clock.outageSince;
  return { outageSince: since ?? now, answered: answeredRows(rows) };
}

/** Whether there was an answer since the outage was last noted. */
export function hasAnswered({ answered }: OutageClock, rows: RowCounts): boolean {
  return answered !== undefined && answeredRows(rows) > answered;
}

/**
 * Rows that may not be sent twice end `unknown` while it is away, and unchanged or skipped ones are settled unsent: none of
 * them is a sign of life. A row is `failed` only once others were answered after it.
 */
function answeredRows({ delivered, rejected, failed }: RowCounts): number {
  return delivered + rejected + failed;
}

/** A quarter of how long it has lasted: soon back after a short one, few probes in a long one. */
export function outagePause(lastedMs: number): number {
  return Math.min(Math.max(Math.round(lastedMs / 4), SHORTEST_PAUSE_MS), LONGEST_PAUSE_MS);
}
