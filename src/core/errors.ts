/** The one error class. A code says who must act; a hint says what to do. */

export type ErrorFamily = 'RIVER' | 'CONFIG' | 'AUTH' | 'REMOTE' | 'ROW' | 'STATE' | 'INTERNAL';
export type ErrorCode = `${ErrorFamily}_${string}` | 'SECRET_IN_FILE' | 'USAGE';

/** Where in the user's files: path relative to the project, line and column from 1. */
export interface Position {
  file: string;
  line: number;
  column: number;
}

export interface ErrorOptions {
  /** What the user can do about it: a sentence. */
  hint?: string;
  /** Whether trying again without a change can help. Default false. */
  retry?: boolean;
  /** Least wait before the next try, in ms (a Retry-After, an outage's growing delay). */
  retryAfterMs?: number;
  /** Facts that are safe to print: never a secret, never a row's values. */
  context?: Record<string, string | number | boolean | null>;
  position?: Position;
  cause?: unknown;
}

/** An error that a user may see. `message` says what happened, `hint` what to do. */
export class UpriverError extends Error {
  override readonly name = 'UpriverError';
  readonly code: ErrorCode;
  readonly hint: string | undefined;
  readonly retry: boolean;
  readonly retryAfterMs: number | undefined;
  readonly context: Readonly<Record<string, string | number | boolean | null>>;
  readonly position: Position | undefined;

  constructor(code: ErrorCode, message: string, options: ErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.hint = options.hint;
    this.retry = options.retry ?? false;
    this.retryAfterMs = options.retryAfterMs;
    this.context = options.context ?? {};
    this.position = options.position;
  }
}

/** What of an error survives a process boundary (Temporal's history, the state store, `--json`). */
export interface ErrorReport {
  code: string;
  message: string;
  hint?: string;
  step?: string;
  context?: Record<string, string | number | boolean | null>;
}

export function toReport(error: unknown, step?: string): ErrorReport {
  const report: ErrorReport =
    error instanceof UpriverError
      ? { code: error.code, message: error.message }
      : { code: 'INTERNAL_UNEXPECTED', message: error instanceof Error ? error.message : String(error) };
  if (error instanceof UpriverError && error.hint) report.hint = error.hint;
  if (error instanceof UpriverError && Object.keys(error.context).length > 0) report.context = { ...error.context };
  if (step) report.step = step;
  return report;
}
