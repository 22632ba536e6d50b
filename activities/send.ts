/** Sending rows: one activity is one stretch of a loop's work. Rows stay in the state store, counts go to the workflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Activities, SendResult } from '../src/contracts/activities.ts';
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
        const type = input.step ? 'loop' : 'action';
        await saveRunningStep(deps, { run: input.run, stepId: input.loop.path, type, attempts: 1, rows: input.rows });
        const destinations = await pools.destinations(Object.values(input.connections));
        return runSegment(input, { ...deps, rows, destinations, stop, abort, sleep: (ms: number) => sleep(ms) });
      }),
  };
}
