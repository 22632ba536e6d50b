/** Sending rows: one activity is one stretch of a loop's work. Rows stay in the state store, counts go to the workflow. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Activities, FinishRowsResult, SendResult } from '../src/contracts/activities.ts';
import type { LoopKey, StateStore } from '../src/core/store.ts';
import { checkKeys } from '../src/delivery/check-keys.ts';
import { settleInDoubt } from '../src/delivery/finish.ts';
import { runSegment } from '../src/delivery/segment.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import type { Pools } from './pools.ts';
import { saveRunningStep } from './steps.ts';

export function sendActivities(
  deps: ActivityDeps,
  pools: Pools,
): Pick<Activities, 'sendRows' | 'checkKeys' | 'finishRows'> {
  return {
    sendRows: (input) =>
      runAttempt({ deps, retry: null, step: input.loop.path }, async ({ stop, abort }): Promise<SendResult> => {
        const type = input.step ? 'loop' : 'action';
        await saveRunningStep(deps, { run: input.run, stepId: input.loop.path, type, attempts: 1 });
        const destinations = await pools.destinations(Object.values(input.connections));
        return runSegment(input, { ...deps, destinations, stop, abort, sleep: (ms: number) => sleep(ms) });
      }),
    checkKeys: (input) =>
      runAttempt({ deps, retry: null, step: input.loop.path }, ({ stop }) =>
        checkKeys(input, { store: deps.store, stop }),
      ),
    finishRows: ({ loop }) =>
      runAttempt({ deps, retry: null, step: loop.path }, () => finishRows(loop, deps.store)),
  };
}

async function finishRows(loop: LoopKey, store: StateStore): Promise<FinishRowsResult> {
  await settleInDoubt(loop, store, (ms) => sleep(ms));
  const { rows, requests } = await store.countLoop(loop);
  return { rows, requests };
}

