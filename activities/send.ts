/** Sending rows: one activity is one stretch of a loop's work. Rows stay in the state store, counts go to the workflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Activities, SendInput, SendResult } from '../src/contracts/activities.ts';
import { UpriverError } from '../src/core/errors.ts';
import type { RowReader } from '../src/delivery/row-reader.ts';
import { runSegment } from '../src/delivery/segment.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import type { Pools } from './pools.ts';
import { saveRunningStep } from './steps.ts';

export function sendActivities(deps: ActivityDeps, pools: Pools, rows: RowReader): Pick<Activities, 'sendRows'> {
  return {
    sendRows: (input) =>
      runAttempt({ deps, retry: null, step: input.loop.path }, async ({ stop, abort }): Promise<SendResult> => {
        await notToStop(input, deps);
        const type = input.step ? 'loop' : 'action';
        await saveRunningStep(deps, { run: input.run, stepId: input.loop.path, type, attempts: 1, rows: input.rows });
        const destinations = await pools.destinations(Object.values(input.connections));
        return runSegment(input, { ...deps, rows, destinations, stop, abort, sleep: (ms: number) => sleep(ms) });
      }),
  };
}

/**
 * Where no worker was up for a while, a stretch may begin before its workflow has heard of a cancel, and would send until
 * it hears of it too. It is tried again until then, and sends nothing. An action's first attempt is spared the question.
 */
async function notToStop({ run, step }: SendInput, { runs }: ActivityDeps): Promise<void> {
  if (step === null && Context.current().info.attempt === 1) return;
  if (run.dryRun || !(await runs.isCancelRequested(run.runId))) return;
  throw new UpriverError('RIVER_CANCELLED', 'The run is asked to stop: nothing more is sent.', { retry: true });
}
