/** A run as the store has it now, in the shape that `--json` prints. */
import type { FinalStatus, RunResult, StepResult } from '../contracts/run.ts';
import { addCounts, noRows } from '../core/outcomes.ts';
import type { RunRecord, StateStore, StepRecord } from '../core/store.ts';
import type { Ending } from '../temporal/client.ts';

/** A run's document; `running` as long as it has not ended. */
export type RunDocument = Omit<RunResult, 'status' | 'steps'> & {
  status: RunResult['status'] | 'running';
  steps: (Omit<StepResult, 'status'> & { status: FinalStatus | 'running' })[];
};

/** The river's own steps, running loops with their counts of this moment. Steps of single rows are left out. */
export async function readSteps(store: StateStore, runId: string): Promise<StepRecord[]> {
  const steps = (await store.listSteps(runId)).filter((step) => !step.stepId.includes('/'));
  return Promise.all(steps.map((step) => withLiveCounts(store, step)));
}

export function runDocument(run: RunRecord, steps: readonly StepRecord[], now: number): RunDocument {
  return {
    run_id: run.id,
    workflow_id: run.id,
    river: run.river,
    status: run.status,
    started_at: new Date(run.startedAt).toISOString(),
    duration_ms: (run.endedAt ?? now) - run.startedAt,
    steps: steps.map((step) => stepDocument(asEnded(step, run), now)),
    rows: steps.reduce((sum, step) => (step.rows ? addCounts(sum, step.rows) : sum), noRows()),
    error: run.error,
  };
}

/** A run that was terminated could not write down the end of the step that it was at. */
function asEnded(step: StepRecord, run: RunRecord): StepRecord {
  if (run.status === 'running' || step.status !== 'running') return step;
  return { ...step, status: run.status, endedAt: run.endedAt };
}

function stepDocument(step: StepRecord, now: number): RunDocument['steps'][number] {
  return {
    id: step.stepId,
    type: step.type,
    status: step.status,
    attempts: step.attempts,
    duration_ms: (step.endedAt ?? now) - step.startedAt,
    ...(step.rows ? { rows: step.rows } : {}),
    ...(step.requests === null ? {} : { requests: step.requests }),
    ...(step.error ? { error: step.error } : {}),
  };
}

async function withLiveCounts(store: StateStore, step: StepRecord): Promise<StepRecord> {
  if (step.type !== 'loop' || step.status !== 'running') return step;
  const loop = { runId: step.runId, path: step.stepId };
  if (!(await store.getLoop(loop))) return step;
  const { rows, requests } = await store.countLoop(loop);
  return { ...step, rows, requests };
}

/** A run that was asked for and of which the store knows nothing: it has not begun, or never did. */
export function emptyDocument(runId: string, river: string, ending?: Ending): RunDocument {
  const nothing = { started_at: new Date().toISOString(), duration_ms: 0, steps: [], rows: noRows() };
  const error = ending ? { code: 'REMOTE_RUN_ENDED', message: ending.message } : null;
  return { run_id: runId, workflow_id: runId, river, status: ending?.status ?? 'running', error, ...nothing };
}
