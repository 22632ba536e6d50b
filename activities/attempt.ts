/** Runs an activity's work: heartbeats, cancellation, and errors that say whether trying again helps. */
import { ApplicationFailure, CancelledFailure, Context, type Info } from '@temporalio/activity';
import type { ActivityDeps } from './deps.ts';
import { handOver, isStoreAway, type Tries, toFailure } from './failure.ts';

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

export interface AttemptOptions extends Pick<Tries, 'retry' | 'bookkeeping' | 'step'> {
  deps: Pick<ActivityDeps, 'drain' | 'random'>;
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
  const { cancellationSignal, info } = Context.current();
  const { deps, ...tries } = options;
  // Whatever error a cut-off statement or script ends in: it was the cancel.
  if (cancellationSignal.aborted) {
    return new CancelledFailure('The activity was cancelled.', [], error instanceof Error ? error : undefined);
  }
  if (error instanceof ApplicationFailure || error instanceof CancelledFailure) return error;
  if (deps.drain.aborted) return handOver(error);
  if (!isStoreAway(error)) details.errors++;
  beat();
  return toFailure(error, { ...tries, errors: details.errors, attempt: info.attempt, random: deps.random });
}
