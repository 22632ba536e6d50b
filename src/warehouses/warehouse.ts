/** What every warehouse can do. One file per warehouse; no dialect is known anywhere else. */
import type { SqlText, TableTarget } from '../contracts/plan.ts';
import type { Row, Value } from '../core/values.ts';

export interface Column {
  name: string;
  /** The warehouse's own name of the type, for messages. */
  type: string;
}

/** SQL with the values that its references have. Keys: the reference's path joined by dots. */
export interface BoundSql {
  sql: SqlText;
  values: Readonly<Record<string, Value>>;
}

export interface StatementOptions {
  /** Ends the statement in the warehouse too. */
  signal: AbortSignal;
  timeoutMs: number | null;
  /** Identifies run, river, step (and attempt) for query tags and for targets that must not apply twice. */
  tag: StatementTag;
  /**
   * What a warehouse may know a statement by that it gets a second time: the same in every attempt at the same try of the
   * same step, and never of anything else. Default: something new.
   */
  work?: string;
  /** Called with whatever lets a later attempt find this statement again (a query id); kept in the heartbeat. */
  onHandle?: (handle: StatementHandle) => void;
  /** What an earlier attempt reported through `onHandle`. */
  resume?: StatementHandle;
}

export interface StatementTag {
  run: string;
  river: string;
  step: string;
}

export type StatementHandle = { [key: string]: string | number };

/**
 * A query's result as it streams: rows are JSON texts of arrays (see `encode` in core/values.ts), so that a driver may
 * build them without parsing JSON columns. Exact numbers tagged; dates and timestamps ISO text; binary base64;
 * JSON, STRUCT, VARIANT, LIST as JSON values; NaN and infinities as the texts "NaN", "Infinity", "-Infinity".
 */
export interface ResultStream extends AsyncDisposable {
  readonly columns: readonly Column[];
  /**
   * Names the stored result that this is, where another process can read it on from any row: the same name, the same
   * rows in the same order. Undefined: it cannot, or what came of it is in doubt.
   */
  readonly source?: string | undefined;
  /** Batches of encoded rows, in order; backpressure by the consumer. `from`: rows to leave out; needs a `source`. */
  batches(from?: number): AsyncIterable<readonly string[]>;
}

export interface WarehouseSession extends AsyncDisposable {
  /** One statement that gives rows. */
  query(statement: BoundSql, options: StatementOptions): Promise<ResultStream>;
  /** Many statements, no result. Not atomic as a whole unless the script says so. */
  script(statement: BoundSql, options: StatementOptions): Promise<void>;
  /**
   * A query's result into a table, all or nothing, safe to repeat after any failure: `append` with the same tag
   * appends once. Returns the rows written (null: the warehouse does not tell).
   */
  writeTable(statement: BoundSql, target: TableTarget, options: StatementOptions): Promise<{ rows: number | null }>;
  /** Rows of ours (a loop's results) into a table, all or nothing. Types are derived from the values. */
  writeRows(rows: RowsToWrite, target: TableTarget, options: StatementOptions): Promise<{ rows: number }>;
}

export interface RowsToWrite {
  columns: readonly string[];
  rows: AsyncIterable<Row>;
}

/** A live connection to one warehouse, shared by the whole process. */
export interface Warehouse extends AsyncDisposable {
  readonly type: string;
  /** A session for one step: statements in it run one after the other. */
  session(): Promise<WarehouseSession>;
  /** Facts for `connections test`: server, version, role, database, latency … */
  check(): Promise<Record<string, string>>;
}

/** What a driver needs from outside. */
export interface WarehouseContext {
  /** The connection's name, for messages. */
  name: string;
  /** Base of relative paths. */
  projectDir: string;
  /** Fields of connections.yaml, references already resolved. */
  config: Readonly<Record<string, unknown>>;
  /** For a look only: what a run would make at first use (an embedded warehouse's file) is not made. */
  makesNothing?: boolean;
}
