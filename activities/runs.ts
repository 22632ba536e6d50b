/** A run's beginning and end: one run of a river at a time, its line in the store, its persisted variables. */
import { log } from '@temporalio/activity';
import type { Activities, BeginRunInput, BeginRunResult, EndRunInput } from '../src/contracts/activities.ts';
import { retriedRun } from '../src/core/started-by.ts';
import type { RunRecord, StateStore } from '../src/core/store.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';

export function runActivities(deps: ActivityDeps): Pick<Activities, 'beginRun' | 'endRun'> {
  const options = { deps, retry: null, bookkeeping: true };
  return {
    beginRun: (input) => runAttempt(options, () => beginRun(input, deps)),
    endRun: (input) => runAttempt(options, () => endRun(input, deps)),
  };
}

async function beginRun(input: BeginRunInput, deps: ActivityDeps): Promise<BeginRunResult> {
  const { store } = deps;
  const { run } = input;
  const holder = await takeLock(input, deps);
  if (holder !== null) return refuse(input, holder, deps);
  await createOnce(input, deps);
  const retried = input.retryOf === null ? null : await store.getRun(input.retryOf);
  return { decision: 'go', holder: null, variables: retried?.values ?? (await store.readVariables(run.river)) };
}

/** null: the lock is ours, or none is needed. Else the run that holds it, or that waits for it and came before. */
async function takeLock({ run, overlap }: BeginRunInput, { store, runs }: ActivityDeps): Promise<string | null> {
  if (overlap === 'allow' || run.dryRun) return null;
  const since = overlap === 'skip' ? null : Date.parse(run.startedAt);
  for (;;) {
    const lock = await store.lockRiver(run.river, run.runId, since);
    if (lock.held) return null;
    // It may have been terminated in Temporal's UI, which tells nobody.
    if (await runs.isOpen(lock.owner)) return lock.owner;
    await store.unlockRiver(run.river, lock.owner);
  }
}

async function refuse(input: BeginRunInput, holder: string, deps: ActivityDeps): Promise<BeginRunResult> {
  if (input.overlap === 'skip') {
    await createOnce(input, deps);
    return { decision: 'skip', holder, variables: {} };
  }
  if (input.overlap === 'cancel_running') await deps.runs.cancel(holder);
  return { decision: 'wait', holder, variables: {} };
}

async function createOnce({ run, inputs, startedBy }: BeginRunInput, { store }: ActivityDeps): Promise<void> {
  if (await store.getRun(run.runId)) return;
  await store.createRun({
    id: run.runId,
    river: run.river,
    status: 'running',
    startedAt: Date.parse(run.startedAt),
    endedAt: null,
    inputs,
    startedBy,
    error: null,
    values: null,
    expiresAt: null,
  });
}

/** Safe to repeat: everything in it is an upsert, and the lock goes last. */
async function endRun(
  { run, status, endedAt, steps, error, variables, values, retentionMs }: EndRunInput,
  { store, wallClock }: ActivityDeps,
): Promise<void> {
  const known = new Map((await store.listSteps(run.runId)).map((step) => [step.stepId, step]));
  for (const step of steps) {
    const startedAt = known.get(step.id)?.startedAt ?? endedAt - step.duration_ms;
    await store.saveStep({
      runId: run.runId,
      stepId: step.id,
      type: step.type,
      status: step.status,
      attempts: step.attempts,
      startedAt,
      endedAt: startedAt + step.duration_ms,
      rows: step.rows ?? null,
      requests: step.requests ?? null,
      error: step.error ?? null,
    });
  }
  await store.closeLoops(run.runId);
  await saveVariables({ run, variables }, store);
  await store.updateRun(run.runId, { status, endedAt, error, values, expiresAt: endedAt + retentionMs });
  await store.unlockRiver(run.river, run.runId);
  // What expired is deleted by the next run as well: no run is held up by it.
  await store.prune(wallClock()).catch((error: unknown) => log.warn('Nothing was pruned', { error }));
}

/** Beside a river's persisted variables: when the run began whose values they are. No variable's name has a `$`. */
const BEGAN = '$began';

/** A retry makes good what its run left undone, so its values are of that run: they do not replace those of a later one. */
async function saveVariables(
  { run, variables }: Pick<EndRunInput, 'run' | 'variables'>,
  store: StateStore,
): Promise<void> {
  if (Object.keys(variables).length === 0) return;
  const first = await firstOf(run.runId, store);
  const began = (await store.readVariables(run.river))[BEGAN];
  const isRetry = first?.id !== run.runId;
  if (isRetry && (first === null || (typeof began === 'number' && began > first.startedAt))) return;
  await store.saveVariables(run.river, { ...variables, [BEGAN]: first.startedAt });
}

/** The run that was retried first of all, or itself; null: it is no longer known. */
async function firstOf(runId: string, store: StateStore): Promise<RunRecord | null> {
  const run = await store.getRun(runId);
  const retried = run && retriedRun(run.startedBy);
  return retried ? firstOf(retried, store) : run;
}
