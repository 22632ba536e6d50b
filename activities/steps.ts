/** What the state store shows of a step while it runs. */
import type { RowRef, RunContext } from '../src/contracts/activities.ts';
import type { StepRecord } from '../src/core/store.ts';
import type { ActivityDeps } from './deps.ts';

export interface RunningStep {
  run: RunContext;
  stepId: string;
  type: string;
  attempts: number;
  /** Rows around it. Steps of a row are not shown one by one: there may be millions. */
  rows: readonly RowRef[];
}

/** For `upriver show` and the live display. Returns the record, for whoever ends the step; null: it is not shown. */
export async function saveRunningStep(
  { store, wallClock }: ActivityDeps,
  step: RunningStep,
): Promise<StepRecord | null> {
  const { run, stepId, type, attempts, rows } = step;
  if (rows.length > 0) return null;
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
