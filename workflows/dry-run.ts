/** Puts what the loops of a dry run would send into one report. */
import type { DryRunCounts } from '../src/contracts/activities.ts';
import type { Plan } from '../src/contracts/plan.ts';
import type { DryRunReport } from '../src/contracts/run.ts';
import { limitsTime } from '../src/core/limits-time.ts';

interface Rehearsed {
  dryRuns: readonly DryRunCounts[];
  undecided: readonly string[];
}

export function dryRunReport(
  { dryRuns: steps, undecided }: Rehearsed,
  { connections }: Pick<Plan, 'connections'>,
): DryRunReport {
  const perConnection: Record<string, number> = {};
  for (const { requests } of steps) {
    for (const [name, count] of Object.entries(requests)) perConnection[name] = (perConnection[name] ?? 0) + count;
  }
  const times = Object.entries(perConnection).map(([name, count]) => {
    const connection = connections[name];
    return connection?.type === 'http' ? limitsTime(count, connection) : 0;
  });
  return {
    rows: steps.reduce((sum, { rows }) => sum + rows, 0),
    requests: Object.values(perConnection).reduce((sum, count) => sum + count, 0),
    // Connections do not wait for each other, but steps do: the sum is what may be counted on.
    estimated_ms: times.reduce((sum, time) => sum + time, 0),
    samples: steps.flatMap(({ samples }) => samples),
    refused: steps.flatMap(({ refused }) => refused),
    undecided: [...undecided],
  };
}

/** As many as are shown of one loop. */
const SAMPLES = 3;

/** What the rows of a row-by-row loop would send, all in all. Its own rows are what counts. */
export function addDryRun(sum: DryRunCounts, { requests, samples, refused }: DryRunCounts): DryRunCounts {
  const total = { ...sum.requests };
  for (const [name, count] of Object.entries(requests)) total[name] = (total[name] ?? 0) + count;
  return {
    rows: sum.rows,
    requests: total,
    samples: [...sum.samples, ...samples].slice(0, SAMPLES),
    refused: [...sum.refused, ...refused].slice(0, SAMPLES),
  };
}
