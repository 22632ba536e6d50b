/** What of an activity's error Temporal is told: whether to try again is data on the failure, as it wants it. */
import { ApplicationFailure, ApplicationFailureCategory } from '@temporalio/common';
import type { RetryPlan } from '../src/contracts/plan.ts';
import { backoffMs } from '../src/core/backoff.ts';
import { type ErrorReport, toReport, UpriverError } from '../src/core/errors.ts';

export interface Tries {
  /** null: retryable errors are tried again for ever. */
  retry: RetryPlan | null;
  /** The run's own records: whatever keeps them from being written is waited out, so that no count and no lock is lost. */
  bookkeeping?: boolean;
  /** Step id, for messages. */
  step?: string;
  /** Tries that ended in an error of the work's own, this one included. */
  errors: number;
  /** Attempts that Temporal counts, crashes included. */
  attempt: number;
  random: () => number;
}

const WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
/** An operator can mend them, or a deploy; the work goes on then. */
const MENDED_OUTSIDE = ['STATE_LOGIN', 'STATE_NO_DATABASE', 'STATE_DENIED', 'STATE_NEWER'];
/** What they name is gone for good. */
const GONE = ['STATE_LOOP_ENDED', 'STATE_MISSING', 'STATE_ROWSET_GONE'];

/** The state store is waited for, however long: that is no try of the step's. */
export function isStoreAway(error: unknown): boolean {
  if (!(error instanceof UpriverError) || !error.code.startsWith('STATE_')) return false;
  return error.retry || MENDED_OUTSIDE.includes(error.code);
}

export function toFailure(error: unknown, tries: Tries): ApplicationFailure {
  const { retry, step, errors } = tries;
  const report = toReport(error, step);
  const away = isStoreAway(error);
  const waits = away || (tries.bookkeeping === true && !isFinal(report));
  const usedUp = retry !== null && errors >= retry.attempts;
  return ApplicationFailure.create({
    message: report.hint ? `${report.message} ${report.hint}` : report.message,
    type: report.code,
    nonRetryable: !waits && (!isRetryable(error) || usedUp),
    nextRetryDelay: delayOf(error, waits, tries),
    category: away && isRetryable(error) ? ApplicationFailureCategory.BENIGN : undefined,
    details: [report satisfies ErrorReport],
    cause: error instanceof Error && !(error instanceof UpriverError) ? error : undefined,
  });
}

/** What a stopping worker breaks off, another one does again. */
export function handOver(error: unknown): ApplicationFailure {
  return ApplicationFailure.create({
    message: 'The worker is stopping; another one goes on.',
    type: 'WorkerShutdown',
    category: ApplicationFailureCategory.BENIGN,
    cause: error instanceof Error ? error : undefined,
  });
}

/** A river's file cannot change under its run. */
function isFinal({ code }: ErrorReport): boolean {
  return GONE.includes(code) || code.startsWith('RIVER_');
}

function isRetryable(error: unknown): boolean {
  return error instanceof UpriverError && error.retry;
}

function delayOf(error: unknown, waits: boolean, { retry, errors, attempt, random }: Tries): number {
  if (waits && !isRetryable(error)) return Math.min(WAIT_MS * 2 ** (attempt - 1), LONGEST_WAIT_MS);
  const delay = retry && !waits ? backoffMs(errors, retry, random) : WAIT_MS;
  return Math.max(delay, error instanceof UpriverError ? (error.retryAfterMs ?? 0) : 0, 1);
}
