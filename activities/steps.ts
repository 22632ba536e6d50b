/** What the state store shows of a step while it runs. */
import type { RunContext } from '../src/contracts/activities.ts';
import type { ActivityDeps } from './deps.ts';

export interface RunningStep {
  run: RunContext;
  stepId: string;
  type: string;
  attempts: number;
}

/** For `upriver show` and the live display. The final record is written when the run ends. */
export async function saveRunningStep({ store, wallClock }: ActivityDeps, step: RunningStep): Promise<void> {
  const { run, stepId, type, attempts } = step;
  const known = (await store.listSteps(run.runId)).find((one) => one.stepId === stepId);
  await store.saveStep({
    runId: run.runId,
    stepId,
    type,
    status: 'running',
    attempts,
    startedAt: known?.startedAt ?? wallClock(),
    endedAt: null,
    rows: null,
    requests: null,
    error: null,
  });
}
