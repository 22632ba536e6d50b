/** Puts what the loops of a dry run would send into one report. */
import type { DryRunCounts } from '../src/contracts/activities.ts';
import type { DryRunReport } from '../src/contracts/run.ts';
import { addCounted, limitsTime } from '../src/core/limits-time.ts';

interface Rehearsed {
  dryRuns: readonly DryRunCounts[];
  undecided: readonly string[];
}

export function dryRunReport({ dryRuns: steps, undecided }: Rehearsed): DryRunReport {
  return {
    rows: steps.reduce((sum, { rows }) => sum + rows, 0),
    requests: steps.reduce((sum, { requests }) => sum + requests, 0),
    estimated_ms: limitsTime(steps.flatMap(({ windows }) => windows)),
    samples: steps.flatMap(({ samples }) => samples),
    refused: steps.flatMap(({ refused }) => refused),
    undecided: [...undecided],
  };
}

/** As many as are shown of one loop. */
const SAMPLES = 3;

export const NOTHING_COUNTED: DryRunCounts = { rows: 0, requests: 0, windows: [], samples: [], refused: [] };

/** What the rows of a row-by-row loop would send, all in all. Its own rows are what counts. */
export function addDryRun(sum: DryRunCounts, { requests, windows, samples, refused }: DryRunCounts): DryRunCounts {
  return {
    rows: sum.rows,
    requests: sum.requests + requests,
    windows: addCounted([...sum.windows, ...windows]),
    samples: [...sum.samples, ...samples].slice(0, SAMPLES),
    refused: [...sum.refused, ...refused].slice(0, SAMPLES),
  };
}
