/** Argument and result of a loop's workflow. Its type is `<river>.<step>`, its id `<run>/<step>`. Types only. */
import type { ErrorReport } from '../core/errors.ts';
import type { OutageClock } from '../core/outage-clock.ts';
import type { RowCounts } from '../core/outcomes.ts';
import type { DryRunCounts, RowsetRef, RunContext, ScopeRef } from './activities.ts';
import type { LoopStep, Plan } from './plan.ts';
import type { FinalStatus } from './run.ts';

export interface LoopInput extends ScopeRef {
  run: RunContext;
  step: LoopStep;
  /** The step's path in the run. */
  path: string;
  rowset: RowsetRef;
  /** What of the run's plan the loop needs. */
  plan: Plan;
  searchAttributes: boolean;
  /** Set when the loop carried on as new. */
  carry: LoopCarry | null;
}

/** All that a loop must remember from one workflow run to the next: the rows' states are in the store. */
export interface LoopCarry extends SendCarry {
  /** Row by row: rows before it have ended. */
  fromRow: number;
  /** Row by row: settlements so far. */
  settlements: number;
  /** Row by row: something within a row was not quite right, though the row is delivered. */
  partial: boolean;
  /** Row by row: what the rows so far would have sent. */
  dryRun: DryRunCounts | null;
}

export interface SendCarry extends OutageClock {
  fromChunk: number;
  /** What it looks like. */
  outageMessage: string;
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
