/** How long a connection's limits make a number of requests take. */
import type { HttpConnectionPlan } from '../contracts/plan.ts';

/** Milliseconds from the first to the last request, with every window used to the brim from its start. */
export function limitsTime(
  requests: number,
  { limits, reserve }: Pick<HttpConnectionPlan, 'limits' | 'reserve'>,
): number {
  const times = limits.map(({ requests: most, perMs }) => {
    const room = Math.max(Math.floor(most * (1 - reserve)), 1);
    return Math.max(Math.ceil(requests / room) - 1, 0) * perMs;
  });
  return Math.max(0, ...times);
}
