/** A run's beginning and end: one run of a river at a time, its line in the store, its persisted variables. */
import { log } from '@temporalio/activity';
import type { Activities, BeginRunInput, BeginRunResult, EndRunInput } from '../src/contracts/activities.ts';
import type { StateStore } from '../src/core/store.ts';
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

/** null: the lock is ours, or none is needed. Else the run that holds it. */
async function takeLock({ run, overlap }: BeginRunInput, { store, runs }: ActivityDeps): Promise<string | null> {
  if (overlap === 'allow' || run.dryRun) return null;
  const lock = await lockFor(run, store);
  if (lock.held) return null;
  // It may have been terminated in Temporal's UI, which tells nobody.
  if (await runs.isOpen(lock.owner)) return lock.owner;
  return (await store.takeOverRiver(run.river, lock.owner, run.runId)) ? null : lock.owner;
}

/** The lock may be let go between the attempt and the look at its owner: then it is to be had. */
async function lockFor(
  { river, runId }: BeginRunInput['run'],
  store: StateStore,
): Promise<{ held: boolean; owner: string }> {
  for (;;) {
    const lock = await store.lockRiver(river, runId);
    if (lock.held || lock.owner !== runId) return lock;
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
  if (Object.keys(variables).length > 0) await store.saveVariables(run.river, variables);
  await store.updateRun(run.runId, { status, endedAt, error, values, expiresAt: endedAt + retentionMs });
  await store.unlockRiver(run.river, run.runId);
  // What expired is deleted by the next run as well: no run is held up by it.
  await store.prune(wallClock()).catch((error: unknown) => log.warn('Nothing was pruned', { error }));
}
