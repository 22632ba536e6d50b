/** The activities' signatures: what workflows ask of the worker. Types only. Rows never travel here, only counts and references. */
import type { ErrorReport } from '../core/errors.ts';
import type { CountedWindow } from '../core/limits-time.ts';
import type { CountedOutcome, Outcome, RowCounts } from '../core/outcomes.ts';
import type { LoopKey } from '../core/store.ts';
import type { Value } from '../core/values.ts';
import type {
  ActionPlan,
  Cel,
  ConnectionPlan,
  IteratorPlan,
  LoopStep,
  Overlap,
  SqlStep,
  StepPlan,
  TemplateText,
  TemplateValue,
  RetryPlan,
} from './plan.ts';
import type { Began, DryRunRefusal, DryRunSample, FinalStatus, StepResult } from './run.ts';

/** What every activity knows of the run that it works for. */
export interface RunContext extends Began {
  runId: string;
  river: string;
  dryRun: boolean;
  full: boolean;
}

/** A multiple variable's value: where its rows are. */
export interface RowsetRef {
  $rowset: string;
  rows: number;
  columns: string[];
}

/** A row of a loop: where its values are. They are read where they are used, and stay out of Temporal's history. */
export interface RowRef {
  rowset: string;
  /** From 0. */
  row: number;
  iterators: IteratorPlan[];
}

/** What a step may refer to. */
export interface ScopeRef {
  /** Variables and inputs. */
  scope: { [name: string]: Value };
  /** Rows of the row-by-row loops around the step, outermost first. */
  rows: RowRef[];
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
  /** Epoch ms. */
  endedAt: number;
  steps: StepResult[];
  error: ErrorReport | null;
  /** Persisted variables to keep; empty unless the run succeeded. */
  variables: { [name: string]: Value };
  /** All single variables. */
  values: { [name: string]: Value };
  retentionMs: number;
}

export interface SqlInput extends ScopeRef {
  run: RunContext;
  step: SqlStep;
  /** The step's path in the run: its id, or `outer/row-42/step` inside a row-by-row loop. */
  path: string;
  connection: ConnectionPlan;
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
export interface SendInput extends ScopeRef {
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
  actions: Record<string, ActionPlan>;
  connections: Record<string, ConnectionPlan>;
  /** After an outage: send one row at a time until one is answered. */
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
  requests: number;
  /** What they take of the connections' limits. */
  windows: CountedWindow[];
  samples: DryRunSample[];
  refused: DryRunRefusal[];
}

export interface SingleResult {
  outcome: CountedOutcome;
  error: ErrorReport | null;
  /** Those that the step gives to variables. */
  outputs: { [output: string]: Value };
}

export interface CheckKeysInput {
  run: RunContext;
  loop: LoopKey;
  step: LoopStep;
  rowset: RowsetRef;
}

export interface FinishRowsInput {
  run: RunContext;
  loop: LoopKey;
  /** How many the loop has: not one was attempted where it never began. */
  rows: number;
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

export interface RetryRows extends RowsetRef {
  /** Rows of the loop when it was run first: percentages are of these. */
  of: number;
}

export interface OpenRowsInput {
  run: RunContext;
  loop: LoopKey;
  step: LoopStep;
  rowset: RowsetRef;
  /** Rows of the loops around this one. */
  around: RowRef[];
  /** Chunks before it are settled. */
  fromChunk: number;
  /** Rows before it have ended. */
  fromRow: number;
}

export interface OpenRows extends FinishRowsResult {
  /** The first chunk with open rows; null: every row is settled. */
  chunk: number | null;
  /** Its open rows, as ranges: first and last row number. */
  ranges: [first: number, last: number][];
}

/** How a row of a row-by-row loop ended. */
export interface SettledRow {
  row: number;
  outcome: Outcome;
  code: string;
  /** A template is filled in from the row where it is kept, so that the row's values stay out of Temporal. */
  message: string | { template: TemplateText; scope: { [name: string]: Value } };
  /** Path of the action that the outcome is from: its record has more to say. */
  from: string | null;
  /** Paths of the actions that ran, when their outputs are wanted. */
  actions: string[];
  /** Requests that its steps made. */
  requests: number;
}

export interface SettleRowsInput {
  run: RunContext;
  loop: LoopKey;
  step: LoopStep;
  rowset: RowsetRef;
  /** Rows of the loops around this one. */
  around: RowRef[];
  settled: SettledRow[];
  /** Which settlement of the loop this is: one that is repeated counts once. */
  number: number;
}

export interface ChooseInput extends ScopeRef {
  run: RunContext;
  path: string;
  /** null: else. */
  conditions: (Cel | null)[];
}

export interface RenderInput extends ScopeRef {
  run: RunContext;
  path: string;
  templates: Record<string, TemplateValue>;
}

export interface ScriptInput extends ScopeRef {
  run: RunContext;
  stepId: string;
  /** The step's path in the run. */
  path: string;
  command: TemplateText[];
  inputs: Record<string, TemplateValue>;
  outputs: Record<string, string>;
  retry: RetryPlan;
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
  finishRows(input: FinishRowsInput): Promise<FinishRowsResult>;
  /** A row per row of how it ended, into a variable or a table; safe to repeat. */
  writeResults(input: ResultsInput): Promise<RowsetRef | null>;
  /** The rows of an earlier run that are to be sent again, as a rowset; null: there are none. */
  retryRows(input: RetryRowsInput): Promise<RetryRows | null>;
  runScript(input: ScriptInput): Promise<ScriptResult>;
  /** Opens a row-by-row loop and says which rows are still to be walked. */
  openRows(input: OpenRowsInput): Promise<OpenRows>;
  /** Keeps how rows of a row-by-row loop ended; safe to repeat. */
  settleRows(input: SettleRowsInput): Promise<FinishRowsResult>;
  /** Which of the conditions holds first, where they read a row's values; null: none. */
  choose(input: ChooseInput): Promise<{ branch: number | null }>;
  /** Fills in templates that read a row's values. What comes of it is seen in Temporal. */
  render(input: RenderInput): Promise<{ [name: string]: Value }>;
}
