/** Argument and result of a loop's workflow. Its type is `<river>.<step>`, its id `<run>/<step>`. Types only. */
import type { ErrorReport } from '../core/errors.ts';
import type { RowCounts } from '../core/outcomes.ts';
import type { Value } from '../core/values.ts';
import type { DryRunCounts, RowsetRef, RunContext } from './activities.ts';
import type { ActionPlan, ConnectionPlan, LoopStep } from './plan.ts';
import type { FinalStatus } from './run.ts';

export interface LoopInput {
  run: RunContext;
  step: LoopStep;
  /** The step's path in the run. */
  path: string;
  rowset: RowsetRef;
  scope: { [name: string]: Value };
  actions: Record<string, ActionPlan>;
  connections: Record<string, ConnectionPlan>;
  /** The warehouse that `results` go to; null: they go to a variable, or nowhere. */
  resultsConnection: ConnectionPlan | null;
  /** Set when the loop carried on as new. */
  carry: SendCarry | null;
}

/** All that sending must remember from one workflow run to the next: the rows' states are in the store. */
export interface SendCarry {
  fromChunk: number;
  /** Epoch ms of the outage's first failure; null: the destination answers. */
  outageSince: number | null;
  /** Epoch ms. */
  startedAt: number;
}

export interface LoopResult {
  status: Extract<FinalStatus, 'succeeded' | 'partial' | 'failed'>;
  rows: RowCounts;
  requests: number;
  error: ErrorReport | null;
  /** A row's condition said stop: the river ends, succeeded. */
  stopsRiver: boolean;
  dryRun: DryRunCounts | null;
  /** Rows of `results`, for a variable. */
  results: RowsetRef | null;
}
