/** Starts a run, or goes on with the one that a stopped process left; watches it to its end and reports. */
import type { Client } from '@temporalio/client';
import { UpriverError } from '../core/errors.ts';
import type { Project } from '../language/index.ts';
import { hasWorker, isOutdated, listOpenRuns, type RunOrder, servesOrder, startRun } from '../temporal/client.ts';
import { openRuntime, type ProjectRuntime } from '../temporal/project-runtime.ts';
import { runUrl } from '../temporal/run-url.ts';
import type { CommandContext } from './command.ts';
import type { Console } from './console.ts';
import { EXIT, exitCodeOfStatus } from './exit-codes.ts';
import { type Interrupt, onInterrupt } from './interrupt.ts';
import { openLog } from './log.ts';
import { runCommandOf } from './run-command-of.ts';
import { newRunId } from './run-ids.ts';
import { emptyDocument, type RunDocument } from './run-view.ts';
import { showErrors, showRun } from './summary.ts';
import { showDryRun } from './summary-dry-run.ts';
import { watchRun } from './watch.ts';

export interface RunRequest {
  project: Project;
  order: RunOrder;
  /** Only start it. */
  detach: boolean;
}

/** Returns the exit code. */
export async function runRiver(context: CommandContext, { project, order, detach }: RunRequest): Promise<number> {
  using interrupt = onInterrupt();
  const { console, env } = context;
  const { log } = await openLog(project.dir);
  const river = order.plan.root;
  let runId: string | null = null;
  for (;;) {
    await using runtime = await openRuntime({
      ...{ project, env, log },
      host: !detach,
      // Hosting lets unfinished runs go on. A dry run must send nothing, so its worker serves it alone.
      ownQueue: order.dryRun,
      onNote: (text) => console.note(text),
      beforeWorker: async (client) => {
        runId ??= await unfinishedRun(console, client, order);
      },
    });
    if (interrupt.signal.aborted) return interrupt.exitCode();
    runId ??= await start(runtime, order);
    await warnOfNoWorker(console, runtime);
    if (detach) return showDetached(console, emptyDocument(runId, river));
    console.say(`${console.out('bold', river)}  ${runId}\n${console.out('dim', runUrl(runtime, runId) ?? '')}`);
    const { left, run } = await watchRun({ console, runtime, runId, river, interrupt, quiet: order.dryRun });
    if (left === 'interrupt') return await stopWatching({ console, runtime, interrupt, order, run });
    if (left === 'ended')
      return showEnd({ console, run, order }, runtime.role === 'host' ? null : runUrl(runtime, runId));
    console.note('The process that hosted Temporal has ended; this one takes its place.');
  }
}

/** A new host takes up what an earlier host of this project left. Beside a living one, the river's `overlap` decides. */
async function unfinishedRun(console: Console, client: Client, order: RunOrder): Promise<string | null> {
  const river = order.plan.root;
  const [open] = order.dryRun || order.retryOf ? [] : await listOpenRuns(client, { river });
  if (!open) return null;
  if (servesOrder(open.memo, order)) {
    console.note(`Going on with ${open.runId}, which had not ended.`);
    if (isOutdated(open.memo, order))
      console.note(
        `It keeps to the files as it found them, and they have changed: for today's, upriver cancel ${open.runId} first.`,
      );
    return open.runId;
  }
  const goOn = open.memo ? `Go on with it: ${runCommandOf(river, open.memo)} · or give it up` : 'Give it up';
  throw new UpriverError('RIVER_RUN_UNFINISHED', `${open.runId} has not ended, and has other inputs than these.`, {
    hint: `${goOn}: upriver cancel ${open.runId}`,
    context: { run: open.runId },
  });
}

async function start(runtime: ProjectRuntime, order: RunOrder): Promise<string> {
  const runId = newRunId(order.plan.root, new Date());
  await startRun(runtime.client, { ...runtime, runId, order });
  return runId;
}

/** Nobody starts a worker for a server of one's own but its owner. */
async function warnOfNoWorker(console: Console, { role, client, namespace, taskQueue }: ProjectRuntime): Promise<void> {
  if (role !== 'server' || (await hasWorker(client, namespace, taskQueue))) return;
  console.note(`No worker asks task queue ${taskQueue} for work: the run waits until one is up (upriver worker).`);
}

function showDetached(console: Console, run: RunDocument): number {
  if (console.json) console.document(run);
  else console.say(`Started ${run.run_id}. Look at it: upriver show ${run.run_id}`);
  return EXIT.ok;
}

interface Ended {
  console: Console;
  run: RunDocument;
  order: RunOrder;
}

function showEnd({ console, run, order }: Ended, url: string | null): number {
  if (console.json) console.document(run);
  else {
    // A dry run's counts are of rows that were not sent: its report says it all.
    if (run.dry_run) {
      showDryRun(console, run.dry_run, run);
      showErrors(console, run);
    } else showRun(console, run, url);
    if (order.retryOf && run.status === 'succeeded' && run.rows.read === 0)
      console.say(`No row of ${order.retryOf.runId} is left to send again.`);
  }
  return exitCodeOfStatus(run.status);
}

interface Stopped {
  console: Console;
  runtime: ProjectRuntime;
  interrupt: Interrupt;
  order: RunOrder;
  run: RunDocument;
}

/** After Ctrl-C: what stops, what goes on, and how to get on with it. */
async function stopWatching({ console, runtime, interrupt, order, run }: Stopped): Promise<number> {
  const giveUp = `upriver cancel ${run.run_id}`;
  if (runtime.role === 'host') {
    console.note('Stopping: requests in flight settle first. Ctrl-C again stops at once.');
    await runtime[Symbol.asyncDispose]();
    console.note(
      `Stopped. ${run.run_id} has not ended. Go on with it: ${runCommandOf(run.river, order)} · give it up: ${giveUp}`,
    );
  } else {
    console.note(
      `${run.run_id} goes on without this command. Look at it: upriver show ${run.run_id} · give it up: ${giveUp}`,
    );
  }
  if (console.json) console.document(run);
  return interrupt.exitCode();
}
