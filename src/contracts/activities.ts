/** The activities' signatures: what workflows ask of the worker. Types only. Rows never travel here, only counts and references. */
import type { ErrorReport } from '../core/errors.ts';
import type { CountedOutcome, RowCounts } from '../core/outcomes.ts';
import type { LoopKey } from '../core/store.ts';
import type { Value } from '../core/values.ts';
import type { ActionPlan, ConnectionPlan, LoopStep, Overlap, SqlStep, StepPlan } from './plan.ts';
import type { DryRunSample, FinalStatus, StepResult } from './run.ts';

/** What every activity knows of the run that it works for. */
export interface RunContext {
  runId: string;
  river: string;
  /** ISO times; scheduledAt is the schedule's nominal time, else equal to startedAt. */
  startedAt: string;
  scheduledAt: string;
  dryRun: boolean;
  full: boolean;
}

/** A multiple variable's value: where its rows are. */
export interface RowsetRef {
  $rowset: string;
  rows: number;
  columns: string[];
}

export interface BeginRunInput {
  run: RunContext;
  inputs: { [name: string]: Value };
  startedBy: string;
  overlap: Overlap;
  retryOf: string | null;
}

export interface BeginRunResult {
  /** go: the run may start. wait: ask again later. skip: another run of the river is in flight. */
  decision: 'go' | 'wait' | 'skip';
  /** The run in flight, when it is not `go`. */
  holder: string | null;
  /** Persisted variables, as the last succeeded run left them; of a retry: all variables, as the retried run left them. */
  variables: { [name: string]: Value };
}

export interface EndRunInput {
  run: RunContext;
  status: FinalStatus;
  steps: StepResult[];
  error: ErrorReport | null;
  /** Persisted variables to keep; empty unless the run succeeded. */
  variables: { [name: string]: Value };
  /** All single variables. */
  values: { [name: string]: Value };
  retentionMs: number;
}

export interface SqlInput {
  run: RunContext;
  step: SqlStep;
  /** The step's path in the run: its id, or `outer/row-42/step` inside a row-by-row loop. */
  path: string;
  connection: ConnectionPlan;
  /** Values of the references in the statement, by dotted path. */
  values: { [path: string]: Value };
  /** Id of the rowset to write, for a multiple variable. */
  rowset: string;
}

export interface SqlResult {
  /** Tries that ended in an error of the statement's, plus this one. */
  attempts: number;
  /** The variable's value: a RowsetRef, a single value, or null for tables and scripts. */
  value: Value;
  /** Rows written to the target; null: the warehouse does not tell. */
  rows: number | null;
}

/** Rows to send: a loop's rowset, or the single row of an action step. */
export interface SendInput {
  run: RunContext;
  loop: LoopKey;
  /** The loop's own fields, or null for an action step. */
  step: LoopStep | null;
  /** What is done for each row. */
  body: StepPlan[];
  /** null: one row without columns (an action step). */
  rowset: RowsetRef | null;
  /** Where an earlier segment stopped: rows before it are settled. */
  fromChunk: number;
  /** Variables and inputs that the body refers to. */
  scope: { [name: string]: Value };
  actions: Record<string, ActionPlan>;
  connections: Record<string, ConnectionPlan>;
  /** After an outage: send one row first and only go on when it is answered. */
  probe: boolean;
  /** How long this segment may take rows, in ms. */
  segmentMs: number;
}

export interface SendResult {
  rows: RowCounts;
  requests: number;
  /** First chunk with rows still open; null: every row is settled. */
  nextChunk: number | null;
  /** The loop must not go on. */
  stop: { reason: 'rule' | 'stop_after' | 'river'; error: ErrorReport | null } | null;
  /** The loop must pause: an outage (the workflow chooses how long) or a limit (`ms`). */
  park: { reason: 'outage' | 'limit'; ms: number; message: string } | null;
  /** Action steps: how the one row ended, and the action's outputs by name. */
  single: SingleResult | null;
  dryRun: DryRunCounts | null;
}

/** What a dry run would have sent. */
export interface DryRunCounts {
  /** Rows that would be sent. */
  rows: number;
  /** Per connection. */
  requests: Record<string, number>;
  samples: DryRunSample[];
}

export interface SingleResult {
  outcome: CountedOutcome;
  error: ErrorReport | null;
  outputs: { [output: string]: Value };
}

export interface CheckKeysInput {
  run: RunContext;
  loop: LoopKey;
  step: LoopStep;
  rowset: RowsetRef;
}

export interface FinishRowsResult {
  rows: RowCounts;
  requests: number;
}

export interface ResultsInput {
  run: RunContext;
  loop: LoopKey;
  step: LoopStep;
  rowset: RowsetRef;
  /** Of the results, when they go into a variable. */
  resultsRowset: string;
  /** Where they go, when that is a table. */
  connection: ConnectionPlan | null;
  /** Outputs of the body's actions. */
  outputs: string[];
}

export interface RetryRowsInput {
  run: RunContext;
  /** The new loop. */
  loop: LoopKey;
  step: LoopStep;
  /** The run whose rows are sent again. */
  of: string;
  /** Unknown rows too: the action is idempotent, or the user said so. */
  includeUnknown: boolean;
}

export interface ScriptInput {
  run: RunContext;
  stepId: string;
  command: string[];
  inputs: { [name: string]: Value };
  outputs: Record<string, string>;
  attempts: number;
}

export interface ScriptResult {
  attempts: number;
  outputs: { [variable: string]: Value };
}

export interface Activities {
  beginRun(input: BeginRunInput): Promise<BeginRunResult>;
  endRun(input: EndRunInput): Promise<void>;
  runSql(input: SqlInput): Promise<SqlResult>;
  /** Rejects rows whose key is null or shared, before any row is sent. */
  checkKeys(input: CheckKeysInput): Promise<{ rejected: number }>;
  sendRows(input: SendInput): Promise<SendResult>;
  /** After a cancel, a timeout or a failure: rows in doubt become `unknown`; the final counts. */
  finishRows(input: { run: RunContext; loop: LoopKey }): Promise<FinishRowsResult>;
  /** A row per row of how it ended, into a variable or a table; safe to repeat. */
  writeResults(input: ResultsInput): Promise<RowsetRef | null>;
  /** The rows of an earlier run that are to be sent again, as a rowset; null: there are none. */
  retryRows(input: RetryRowsInput): Promise<RowsetRef | null>;
  runScript(input: ScriptInput): Promise<ScriptResult>;
}
