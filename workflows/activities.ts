/** How workflows call activities: short heartbeats, so that work goes on soon after a crash, and retries without end. */
import {
  ActivityFailure,
  type ActivityInterfaceFor,
  ApplicationFailure,
  CancelledFailure,
  proxyActivities,
} from '@temporalio/workflow';
import type { Activities } from '../src/contracts/activities.ts';
import { CANCELLED } from '../src/contracts/run.ts';
import { summaryOf } from '../src/core/summary.ts';

export interface CallOptions {
  /** Shown in Temporal's UI; unique among what is open. */
  id: string;
  /** One line of what it does. */
  summary: string;
}

/** Heartbeats tell when a worker is gone, and a step's own `timeout` is a timer in the workflow. */
const LONGEST_MS = 30 * 24 * 3_600_000;

/**
 * Which errors are final is said on the failure itself; a crash costs nothing but a second: it must not inherit the
 * growing delay of an outage.
 */
export function call({ id, summary }: CallOptions): ActivityInterfaceFor<Activities> {
  const activities = proxyActivities<Activities>({
    activityId: id,
    summary: summaryOf(summary),
    startToCloseTimeout: LONGEST_MS,
    heartbeatTimeout: '5s',
    // Said although the SDK's documents call it the default: left out, a cancel does not wait, and what is in flight is lost.
    cancellationType: 'WAIT_CANCELLATION_COMPLETED',
    retry: { initialInterval: '1s', backoffCoefficient: 1, maximumInterval: '1s' },
  });
  return new Proxy(activities, {
    get: (target, name: keyof Activities) => {
      const run = target[name] as (input: unknown) => Promise<unknown>;
      return (input: unknown) => run(input).catch(asCancelled);
    },
  });
}

/**
 * An attempt that ended otherwise after the cancel was asked for, as its worker died, is not tried again; one that heard of
 * the cancel before this workflow did says so. It is cancelled all the same.
 */
function asCancelled(error: unknown): never {
  if (error instanceof ActivityFailure && (error.retryState === 'CANCEL_REQUESTED' || isAskedToStop(error.cause)))
    throw new CancelledFailure('It was cancelled, and did not end in an orderly way.', [], error);
  throw error;
}

function isAskedToStop(cause: unknown): boolean {
  return cause instanceof ApplicationFailure && cause.type === CANCELLED;
}
