/** Sending rows: one activity is one stretch of a loop's work. Rows stay in the state store, counts go to the workflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ApplicationFailure, CancelledFailure, Context } from '@temporalio/activity';
import { ApplicationFailureCategory } from '@temporalio/common';
import type { Activities, SendInput, SendResult } from '../src/contracts/activities.ts';
import { CANCELLED } from '../src/contracts/run.ts';
import type { RowReader } from '../src/delivery/row-reader.ts';
import { runSegment } from '../src/delivery/segment.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import type { Pools } from './pools.ts';
import { saveRunningStep } from './steps.ts';

const AT_ONCE_MS = 1_000;

export function sendActivities(deps: ActivityDeps, pools: Pools, rows: RowReader): Pick<Activities, 'sendRows'> {
  return {
    sendRows: (input) =>
      runAttempt({ deps, retry: null, step: input.loop.path }, async ({ stop, abort }): Promise<SendResult> => {
        await notToStop(input, deps);
        const type = input.step ? 'loop' : 'action';
        await saveRunningStep(deps, { run: input.run, stepId: input.loop.path, type, attempts: 1, rows: input.rows });
        const destinations = await pools.destinations(Object.values(input.connections));
        const tools = { ...deps, rows, destinations, stop, abort, sleep: (ms: number) => sleep(ms) };
        return unlessPaused(await runSegment(input, tools));
      }),
  };
}

/**
 * Where no worker was up for a while, a stretch may begin before its workflow has heard of a cancel, and would send until
 * it hears of it too. An action that begins at once is spared the question.
 */
async function notToStop({ run, step }: SendInput, { runs, wallClock }: ActivityDeps): Promise<void> {
  const { attempt, scheduledTimestampMs, workflowExecution } = Context.current().info;
  // Whichever way the clocks of server and worker differ.
  const atOnce = attempt === 1 && Math.abs(wallClock() - scheduledTimestampMs) < AT_ONCE_MS;
  if (run.dryRun || (step === null && atOnce)) return;
  if (!(await runs.isCancelRequested(workflowExecution?.workflowId ?? run.runId))) return;
  throw ApplicationFailure.create({
    type: CANCELLED,
    message: 'The run is asked to stop: nothing more is sent.',
    // Its workflow takes it for the cancel, whether it has heard of that or not.
    nonRetryable: true,
    category: ApplicationFailureCategory.BENIGN,
  });
}

/** A stretch that ended early because an operator paused or reset the activity would be followed by the next at once. */
function unlessPaused(result: SendResult): SendResult {
  const { paused, reset } = Context.current().cancellationDetails ?? {};
  if ((paused || reset) && result.nextChunk !== null && !result.stop) throw new CancelledFailure('paused or reset');
  return result;
}
