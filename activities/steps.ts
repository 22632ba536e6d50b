/** What the state store shows of a step while it runs. */
import type { RunContext } from '../src/contracts/activities.ts';
import type { StepRecord } from '../src/core/store.ts';
import type { ActivityDeps } from './deps.ts';

export interface RunningStep {
  run: RunContext;
  stepId: string;
  type: string;
  attempts: number;
}

/** For `upriver show` and the live display. Returns the record, for whoever ends the step. */
export async function saveRunningStep({ store, wallClock }: ActivityDeps, step: RunningStep): Promise<StepRecord> {
  const { run, stepId, type, attempts } = step;
  const known = (await store.listSteps(run.runId)).find((one) => one.stepId === stepId);
  const record: StepRecord = {
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
  };
  await store.saveStep(record);
  return record;
}
