/** Ends that runs could not write down themselves: terminated, lost by Temporal, or dry runs that nobody watches any more. */
import type { Client } from '@temporalio/client';
import { DRY_RUN } from '../core/started-by.ts';
import type { RunRecord, StateStore } from '../core/store.ts';
import { asUnreachable, awaitRun, type Ending, isOpen, LOST, terminateRun } from './client.ts';

/** All that is to be closed is closed within this, or at the next look. */
const CLOSE_MS = 10_000;
/** Of task queues that serve one dry run of one process. */
const DRY_QUEUE = 'dry-run-';

export interface RunToClose {
  run: RunRecord;
  ending: Ending;
  retentionMs: number;
}

/** Writes down the end of a run that could not do so itself. */
export async function closeRun(store: StateStore, { run, ending, retentionMs }: RunToClose): Promise<void> {
  const hint =
    run.startedBy === DRY_RUN
      ? 'It was a dry run: nothing was sent.'
      : `Send the rows that did not get through: upriver retry ${run.id} · or run the river anew.`;
  const error = { code: 'REMOTE_RUN_ENDED', message: ending.message, hint };
  const endedAt = Date.now();
  await store.updateRun(run.id, { status: ending.status, endedAt, error, expiresAt: endedAt + retentionMs });
}

interface CloseEnded {
  retentionMs: number;
  /** Close also those that Temporal does not know. False: it may be the wrong server that was asked. */
  lost: boolean;
}

/** Closes the runs that the store takes for running and Temporal does not. */
export async function closeEndedRuns(
  store: StateStore,
  client: Client,
  { retentionMs, lost }: CloseEnded,
): Promise<void> {
  const signal = AbortSignal.timeout(CLOSE_MS);
  for (const run of await store.listRuns({ status: 'running', limit: 1000 })) {
    if (await isOpen(client, run.id)) continue;
    const ending = await awaitRun(client, run.id, { patienceMs: 0, signal }).catch((error) => {
      if (signal.aborted) return null;
      throw error;
    });
    if (ending === null) return;
    if ('run_id' in ending || (ending === LOST && !lost)) continue;
    // It may have written down its own end meanwhile.
    if ((await store.getRun(run.id))?.status === 'running') await closeRun(store, { run, ending, retentionMs });
  }
}

export function dryRunQueue(pid: number, now: number): string {
  return `${DRY_QUEUE}${pid}-${now}`;
}

/** For a new host: ends the dry runs whose process was killed. Nobody will ever ask their queues for work, and they keep nothing. */
export async function endStaleDryRuns(client: Client): Promise<void> {
  const query = `TaskQueue STARTS_WITH "${DRY_QUEUE}" AND CloseTime IS NULL`;
  try {
    for await (const { workflowId } of client.workflow.list({ query })) {
      await terminateRun(client, workflowId, 'a dry run whose process has ended');
    }
  } catch (error) {
    throw asUnreachable(error);
  }
}
