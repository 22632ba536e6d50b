/** What an earlier host of this project left: a run to go on with in place of a new one, or one that must end first. */
import type { Client } from '@temporalio/client';
import { UpriverError } from '../core/errors.ts';
import { DRY_RUN, retriedRun } from '../core/started-by.ts';
import {
  isOutdated,
  isSameKind,
  listOpenRuns,
  type OpenRun,
  type RunMemo,
  type RunOrder,
  servesOrder,
} from '../temporal/client.ts';
import type { Console } from './console.ts';
import { runCommandOf } from './run-command-of.ts';

export interface Unfinished {
  /** The run that does what is asked for; null: a new one has to. */
  runId: string | null;
  /** Of another kind than what is asked for (a retry, the river itself). They go on as soon as there is a worker, and hold the river's lock. */
  first: OpenRun[];
}

/** For a new host; beside a living one the river's `overlap` decides. Throws RIVER_RUN_UNFINISHED. */
export async function findUnfinished(console: Console, client: Client, order: RunOrder): Promise<Unfinished> {
  if (order.dryRun) return { runId: null, first: [] };
  const river = order.plan.root;
  const open = (await listOpenRuns(client, { river })).filter(({ memo }) => memo?.startedBy !== DRY_RUN);
  const same = open.filter(({ memo }) => isSameKind(memo, order));
  const serving = same.find(({ memo }) => servesOrder(memo, order));
  if (serving) {
    console.note(`Going on with ${serving.runId}, which had not ended.`);
    noteState(console, serving, order);
    return { runId: serving.runId, first: [] };
  }
  if (same[0]) throw otherwise(river, same[0]);
  for (const run of open) {
    console.note(`Going on with ${run.runId} first, ${kindOf(run.memo)} that had not ended.`);
    noteState(console, run, order);
  }
  return { runId: null, first: open };
}

function kindOf(memo: RunMemo | null): string {
  const retried = retriedRun(memo?.startedBy ?? '');
  return retried === null ? 'a run of the river' : `a retry of ${retried}`;
}

function noteState(console: Console, { runId, memo, paused }: OpenRun, order: RunOrder): void {
  if (paused) console.note('It is paused in Temporal, and goes on when it is resumed there.');
  if (!isOutdated(memo, order)) return;
  console.note(
    `It keeps to the files as it found them, and they have changed: for today's, upriver cancel ${runId} first.`,
  );
}

function otherwise(river: string, { runId, memo }: OpenRun): UpriverError {
  const goOn = memo ? `Go on with it: ${runCommandOf(river, memo)} · or give it up` : 'Give it up';
  return new UpriverError('RIVER_RUN_UNFINISHED', `${runId} has not ended, and was asked for otherwise than this.`, {
    hint: `${goOn}: upriver cancel ${runId}`,
    context: { run: runId },
  });
}
