/** Runs an activity's work: heartbeats, cancellation, and errors that say whether trying again helps. */
import { ApplicationFailure, CancelledFailure, Context, type Info } from '@temporalio/activity';
import type { RetryPlan } from '../src/contracts/plan.ts';
import { backoffMs } from '../src/core/backoff.ts';
import { type ErrorReport, toReport, UpriverError } from '../src/core/errors.ts';
import type { ActivityDeps } from './deps.ts';

/** A cancel comes with the answer, so this is how soon it is heard. */
const HEARTBEAT_MS = 1_000;
/** After a cancel or a shutdown, how long requests under way may still take. */
const GRACE_MS = 5_000;

/** Kept in heartbeats, so that a crash does not forget it. */
export interface AttemptDetails<Handle = unknown> {
  /** Tries that ended in an error of the work's own; crashes and hand-overs do not count. */
  errors: number;
  /** Whatever finds the work again after a crash. */
  handle: Handle | null;
}

export interface Attempt<Handle = unknown> {
  /** Take no more work: a cancel, or a worker that drains. */
  stop: AbortSignal;
  /** Asked to end, or the worker's time is up: for work that cannot be handed over half done. */
  cancel: AbortSignal;
  /** Cut off what is under way. */
  abort: AbortSignal;
  /** Of this try: the same in another attempt after a crash, different after an error of the work's own. */
  work: string;
  details: AttemptDetails<Handle>;
  keepHandle: (handle: Handle) => void;
}

export interface AttemptOptions {
  deps: Pick<ActivityDeps, 'drain' | 'random'>;
  /** null: retryable errors are tried again for ever. */
  retry: RetryPlan | null;
  /** Step id, for messages. */
  step?: string;
}

export async function runAttempt<T, Handle = unknown>(
  options: AttemptOptions,
  work: (attempt: Attempt<Handle>) => Promise<T>,
): Promise<T> {
  const context = Context.current();
  const details = { errors: 0, handle: null, ...(context.info.heartbeatDetails as Partial<AttemptDetails<Handle>>) };
  const beat = () => context.heartbeat(details);
  const timer = setInterval(beat, HEARTBEAT_MS);
  const graceful = graceAfter(context.cancellationSignal);
  try {
    beat();
    return await work({
      stop: AbortSignal.any([context.cancellationSignal, options.deps.drain]),
      cancel: context.cancellationSignal,
      abort: graceful.signal,
      work: workOf(context.info, details),
      details,
      keepHandle: (handle) => {
        details.handle = handle;
        beat();
      },
    });
  } catch (error) {
    throw failure(error, details, options, beat);
  } finally {
    clearInterval(timer);
    graceful.clear();
  }
}

/** An activity's id may come again in its workflow, and the workflow under its own id, but not at that time. */
function workOf({ workflowExecution, activityId, scheduledTimestampMs }: Info, { errors }: AttemptDetails): string {
  return JSON.stringify([workflowExecution, activityId, scheduledTimestampMs, errors]);
}

function graceAfter(cancelled: AbortSignal): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const arm = () => {
    timer = setTimeout(() => controller.abort(), GRACE_MS);
  };
  if (cancelled.aborted) arm();
  else cancelled.addEventListener('abort', arm, { once: true });
  return {
    signal: controller.signal,
    clear: () => {
      clearTimeout(timer);
      cancelled.removeEventListener('abort', arm);
    },
  };
}

function failure(error: unknown, details: AttemptDetails, options: AttemptOptions, beat: () => void): Error {
  const { cancellationSignal } = Context.current();
  // Whatever error a cut-off statement or script ends in: it was the cancel.
  if (cancellationSignal.aborted) {
    return new CancelledFailure('The activity was cancelled.', [], error instanceof Error ? error : undefined);
  }
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (options.deps.drain.aborted) return handOver(error);
  if (!isStoreAway(error)) details.errors++;
  beat();
  return toFailure(error, options, details.errors);
}

/** What a stopping worker breaks off, another one does again. */
function handOver(error: unknown): ApplicationFailure {
  const cause = error instanceof Error ? error : undefined;
  return ApplicationFailure.create({
    message: 'The worker is stopping; another one goes on.',
    type: 'WorkerShutdown',
    cause,
  });
}

/** The state store is waited for, however long: that is no try of the step's. */
function isStoreAway(error: unknown): boolean {
  return error instanceof UpriverError && error.retry && error.code.startsWith('STATE_');
}

/** Whether to try again is data on the failure, as Temporal wants it. */
function toFailure(error: unknown, { retry, step, deps }: AttemptOptions, errors: number): ApplicationFailure {
  const report = toReport(error, step);
  const retryable = error instanceof UpriverError ? error.retry : false;
  const usedUp = retry !== null && errors >= retry.attempts && !isStoreAway(error);
  const delay = retry && !isStoreAway(error) ? backoffMs(errors, retry, deps.random) : 1_000;
  return ApplicationFailure.create({
    message: report.hint ? `${report.message} ${report.hint}` : report.message,
    type: report.code,
    nonRetryable: !retryable || usedUp,
    nextRetryDelay: Math.max(delay, error instanceof UpriverError ? (error.retryAfterMs ?? 0) : 0, 1),
    details: [report satisfies ErrorReport],
    cause: error instanceof Error && !(error instanceof UpriverError) ? error : undefined,
  });
}
