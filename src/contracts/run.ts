/** A run as Temporal and the command line see it: workflow arguments, results, queries, search attributes. Types and names only. */
import type { ErrorReport } from '../core/errors.ts';
import type { RowCounts } from '../core/outcomes.ts';
import type { Value } from '../core/values.ts';
import type { Plan } from './plan.ts';

/** Argument of a river's workflow. Its type is the river's name; its id is the run's id. */
export interface RunInput {
  plan: Plan;
  inputs: { [name: string]: Value };
  /** 'cli', 'dry-run', 'schedule:<id>', 'river:<run id>', 'retry:<run id>': core/started-by.ts. */
  startedBy: string;
  /** Ignore what was last delivered: send every row. */
  full: boolean;
  /** Run the SQL and render the requests; send nothing, keep nothing. */
  dryRun: boolean;
  /** Only this run's loops, over these rows of an earlier run. */
  retryOf: { runId: string; includeUnknown: boolean } | null;
  /** Whether SEARCH_ATTRIBUTES are registered where this runs: setting one that is not would stop the workflow. */
  searchAttributes: boolean;
  /** Set when it carried on as new while it waited for another run. */
  began?: Began;
}

/** ISO times; scheduledAt is the schedule's nominal time, else equal to startedAt. */
export interface Began {
  startedAt: string;
  scheduledAt: string;
}

export type FinalStatus = 'succeeded' | 'partial' | 'failed' | 'cancelled' | 'skipped';

export interface StepResult {
  id: string;
  type: string;
  status: FinalStatus;
  attempts: number;
  duration_ms: number;
  /** Loops only. */
  rows?: RowCounts;
  requests?: number;
  error?: ErrorReport;
}

/** What a river's workflow returns, and `--json` prints. */
export interface RunResult {
  run_id: string;
  workflow_id: string;
  river: string;
  status: FinalStatus;
  started_at: string;
  duration_ms: number;
  steps: StepResult[];
  rows: RowCounts;
  error: ErrorReport | null;
  /** Values of single variables at the end, for a calling river. */
  outputs?: { [name: string]: Value };
  dry_run?: DryRunReport;
}

export interface DryRunReport {
  rows: number;
  requests: number;
  /** How long the connections' limits make the requests take. */
  estimated_ms: number;
  /** The first few, secrets hidden. */
  samples: DryRunSample[];
  /** The first few rows that no request can be made of. */
  refused: DryRunRefusal[];
  /** Conditions that read what an action puts out, which only a real run knows: none of their branches was walked. */
  undecided: string[];
}

export interface DryRunRefusal {
  step: string;
  /** From 1. */
  row: number;
  code: string;
  message: string;
}

export interface DryRunSample {
  step: string;
  /** From 1. */
  row: number;
  method: string;
  url: string;
  headers: Record<string, string>;
  body: string | null;
}

/** Type of the failure by which an activity says that its run is asked to stop, when its workflow has not heard of that. */
export const CANCELLED = 'RIVER_CANCELLED';

/** Typed search attributes; registered where allowed, done without where not. */
export const SEARCH_ATTRIBUTES = {
  RiverName: 'KEYWORD',
  RiverStatus: 'KEYWORD',
  RowsRead: 'INT',
  RowsDelivered: 'INT',
  RowsBad: 'INT',
} as const;
