/** How long to wait before trying again. */

export interface Backoff {
  initialMs: number;
  maxMs: number;
}

/**
 * Exponential with full jitter: anything between nothing and the ceiling, so that those who failed together do not come back
 * together (Brooker, "Exponential Backoff And Jitter", AWS 2015). `attempt` counts from 1: the try that just failed.
 */
export function backoffMs(attempt: number, { initialMs, maxMs }: Backoff, random: () => number): number {
  const ceiling = Math.min(maxMs, initialMs * 2 ** (attempt - 1));
  return Math.round(random() * ceiling);
}
