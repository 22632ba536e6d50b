/**
 * The plan: a project's files, parsed, checked and resolved, as plain JSON. It is the workflow's argument, so a
 * run keeps to it whatever changes on disk. No secrets: those are references, resolved in the worker when used.
 * Durations are milliseconds, sizes bytes. Strings marked Template may hold `{references}`.
 */
export const PLAN_VERSION = 1;

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
/** JSON in which any string (not key) may hold references. A tagged `{"$exact":"…"}` is an exact number. */
export type TemplateValue = Json;
/** Text that may hold references. */
export type TemplateText = string;
/** A CEL expression's source. */
export type Cel = string;

/** A value given by reference, read in the worker's environment or file system when used. */
export type Reference = { env: string } | { file: string };
export type Resolvable<T> = T | Reference;

export interface Plan {
  version: typeof PLAN_VERSION;
  /** Name of the river that runs; it and every river it calls are in `rivers`. */
  root: string;
  rivers: Record<string, RiverPlan>;
  actions: Record<string, ActionPlan>;
  connections: Record<string, ConnectionPlan>;
  /** How long row data and outcomes are kept after a run ended. */
  retentionMs: number;
}

export interface RiverPlan {
  name: string;
  description: string | null;
  inputs: Record<string, InputPlan>;
  variables: Record<string, VariablePlan>;
  timeoutMs: number | null;
  overlap: Overlap;
  steps: StepPlan[];
}

export type Overlap = 'skip' | 'queue' | 'cancel_running' | 'allow';
export type InputType = 'string' | 'integer' | 'number' | 'boolean' | 'json';

export interface InputPlan {
  type: InputType;
  required: boolean;
  /** Meaningful only where not required. */
  default: Json;
}

export interface VariablePlan {
  multiple: boolean;
  initial: Json;
  persist: boolean;
}

export interface RetryPlan {
  attempts: number;
  initialMs: number;
  maxMs: number;
}

export type StepPlan =
  | SqlStep
  | ActionStep
  | LoopStep
  | SequenceStep
  | ParallelStep
  | ConditionStep
  | RiverStep
  | ScriptStep;

export interface StepBase {
  id: string;
  name: string | null;
  enabled: boolean;
  onError: 'fail' | 'continue';
  /** null: the step kind's own default. */
  retry: RetryPlan | null;
  timeoutMs: number | null;
}

export interface SqlStep extends StepBase {
  type: 'sql';
  connection: string;
  sql: SqlText;
  /** Many statements, no target. */
  script: boolean;
  target: TableTarget | VariableTarget | null;
}

/** SQL cut at its references: each is sent as a bound value, or as a quoted identifier; nothing is ever pasted. */
export type SqlText = SqlPart[];
export type SqlPart = string | { bind: string[] } | { identifier: string[] };

export interface TableTarget {
  kind: 'table';
  /** As the user wrote it: one to three dotted parts, quoted or not. */
  table: string;
  mode: 'overwrite' | 'append' | 'merge';
  /** Merge only: the columns that identify a row. */
  key: string[];
}

export interface VariableTarget {
  kind: 'variable';
  variable: string;
  multiple: boolean;
}

export interface ActionStep extends StepBase {
  type: 'action';
  action: string;
  inputs: Record<string, TemplateValue>;
  /** The action's output name → the variable that gets it. */
  outputs: Record<string, string>;
}

export interface LoopStep extends StepBase {
  type: 'loop';
  /** A multiple variable. */
  over: string;
  iterators: IteratorPlan[];
  /** Iterators that identify a row from run to run; empty: none. */
  key: string[];
  send: 'all' | 'changed';
  maxInFlight: number;
  tolerate: Tolerance;
  stopAfter: Tolerance | null;
  results: ResultsTarget | null;
  /** stream: rows flow through activities; steps: each row is walked as workflow steps. */
  mode: 'stream' | 'steps';
  steps: StepPlan[];
}

/** A name for a column: by position (from 0) as in SELECT, or by the column's name in any case. */
export type IteratorPlan = { name: string; position: number } | { name: string; column: string };
export type Tolerance = { rows: number } | { percent: number };
export type ResultsTarget =
  | { kind: 'variable'; variable: string }
  | { kind: 'table'; connection: string; table: string; mode: 'overwrite' | 'append' };

export interface SequenceStep extends StepBase {
  type: 'sequence';
  steps: StepPlan[];
}

export interface ParallelStep extends StepBase {
  type: 'parallel';
  steps: StepPlan[];
}

export interface ConditionStep extends StepBase {
  type: 'condition';
  branches: BranchPlan[];
}

export interface BranchPlan {
  /** null: else. */
  if: Cel | null;
  then: 'steps' | 'stop' | 'skip' | 'fail';
  message: TemplateText | null;
  steps: StepPlan[];
}

export interface RiverStep extends StepBase {
  type: 'river';
  river: string;
  inputs: Record<string, TemplateValue>;
  /** The called river's variable → the variable here that gets it. */
  outputs: Record<string, string>;
  wait: boolean;
}

export interface ScriptStep extends StepBase {
  type: 'script';
  run: string[];
  inputs: Record<string, TemplateValue>;
  /** Field of the script's JSON answer → variable. */
  outputs: Record<string, string>;
}

export interface ActionPlan {
  name: string;
  connection: string;
  inputs: Record<string, { required: boolean; default: Json }>;
  batch: { rows: number; bytes: number } | null;
  retry: RetryPlan;
  /** At least one. Later ones may read `{earlier_id.output}`. */
  requests: RequestPlan[];
  /** Outputs of the action: those of its last request, by name. */
  outputs: string[];
}

export interface RequestPlan {
  id: string;
  /** Extra names for this request, rendered from the action's inputs and earlier outputs. */
  inputs: Record<string, TemplateValue>;
  method: string;
  /** Path below the connection's base URL, or an absolute URL. */
  target: { kind: 'path'; path: TemplateText } | { kind: 'url'; url: TemplateText };
  /** A null value leaves the parameter out. */
  query: Record<string, TemplateValue>;
  headers: Record<string, TemplateText>;
  body: BodyPlan | null;
  rules: RulePlan[];
  /** Output name → CEL over status, headers, body, attempt. */
  outputs: Record<string, Cel>;
  /** Whether it may be sent again when an earlier one may have been applied. */
  idempotent: boolean;
  /** Batches only: which rows an answer took and refused. */
  rows: BatchRowsPlan | null;
  splitWhen: Cel | null;
}

export type BodyPlan =
  | { kind: 'json'; value: TemplateValue }
  | { kind: 'form'; fields: Record<string, TemplateValue> }
  | { kind: 'text'; text: TemplateText; contentType: string };

export type Then = 'deliver' | 'skip' | 'reject' | 'retry' | 'wait' | 'stop';

export interface RulePlan {
  when: Cel;
  then: Then;
  because: TemplateText | null;
  /** For wait and retry: how long. */
  forMs: number | null;
}

export interface BatchRowsPlan {
  id: TemplateText;
  delivered: Cel | null;
  rejected: Cel | null;
}

export type ConnectionPlan = HttpConnectionPlan<Reference> | WarehouseConnectionPlan;
export type WarehouseType = 'duckdb' | 'postgres' | 'snowflake';

export interface WarehouseConnectionPlan {
  name: string;
  type: WarehouseType;
  /** The connection's own fields as written (snake_case), references unresolved, relative paths as they are. */
  config: { [key: string]: Json };
}

/** `Given`: what may stand in a setting's place until the worker opens the connection; afterwards nothing. */
export interface HttpConnectionPlan<Given = never> {
  name: string;
  type: 'http';
  baseUrl: Resolvable<string>;
  auth: AuthPlan<Given>;
  headers: Record<string, Resolvable<string>>;
  limits: LimitPlan<Given>[];
  /** Share of each limit left to other programs, 0 to 1. */
  reserve: number | Given;
  maxInFlight: number | Given;
  timeoutMs: number | Given;
  /** Rules that come after an action's own and before the defaults (from presets such as hubspot). */
  rules: RulePlan[];
}

/** A rolling window: at most `requests` in any `perMs`. */
export interface LimitPlan<Given = never> {
  requests: number | Given;
  perMs: number | Given;
  /** Glob patterns of paths it counts; null: every request. */
  paths: (string | Given)[] | Given | null;
}

export type AuthPlan<Given = never> =
  | { type: 'none' }
  | { type: 'bearer'; token: Reference }
  | { type: 'basic'; username: Resolvable<string>; password: Reference }
  | { type: 'api_key'; in: 'header' | 'query' | Given; name: string | Given; key: Reference }
  | {
      type: 'oauth2_client_credentials';
      tokenUrl: Resolvable<string>;
      clientId: Resolvable<string>;
      clientSecret: Reference;
      scopes: (string | Given)[] | Given;
      audience: string | Given | null;
    }
  | {
      type: 'oauth2_refresh';
      tokenUrl: Resolvable<string>;
      clientId: Resolvable<string>;
      clientSecret: Reference;
      refreshToken: Reference;
    };
