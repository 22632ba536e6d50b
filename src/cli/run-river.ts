/** Starts a run, or goes on with the one that a stopped process left; watches it to its end and reports. */
import { DRY_RUN } from '../core/started-by.ts';
import type { Project } from '../language/index.ts';
import { hasWorker, type OpenRun, type RunMemo, type RunOrder, startRun, terminateRun } from '../temporal/client.ts';
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
import { findUnfinished } from './unfinished.ts';
import { endedRun, watchRun } from './watch.ts';

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
  let first: OpenRun[] = [];
  for (;;) {
    await using runtime = await openRuntime({
      ...{ project, env, log },
      host: !detach,
      // Hosting lets unfinished runs go on, and a dry run must send nothing.
      dryRun: order.dryRun,
      onNote: (text) => console.note(text),
      beforeWorker: async (client) => {
        if (runId === null) ({ runId, first } = await findUnfinished(console, client, order));
      },
    });
    if (interrupt.signal.aborted) return interrupt.exitCode();
    const stopped = await watchFirst({ console, runtime, interrupt }, first);
    if (stopped !== null) return stopped;
    runId = await runToWatch(runtime, order, runId);
    await warnOfNoWorker(console, runtime);
    if (detach) return showDetached(console, emptyDocument(runId, river));
    console.say(`${console.out('bold', river)}  ${runId}\n${console.out('dim', runUrl(runtime, runId) ?? '')}`);
    const { left, run } = await watchRun({ console, runtime, runId, river, interrupt, quiet: order.dryRun });
    if (left === 'interrupt') return await stopWatching({ console, runtime, interrupt, asked: order, run });
    if (left === 'ended')
      return showEnd({ console, run, order }, runtime.role === 'host' ? null : runUrl(runtime, runId));
    console.note('The process that hosted Temporal has ended; this one takes its place.');
  }
}

interface Watching {
  console: Console;
  runtime: ProjectRuntime;
  interrupt: Interrupt;
}

/** Watches these to their ends, and says what they came to. Returns the exit code if Ctrl-C came before. */
async function watchFirst(watching: Watching, first: readonly OpenRun[]): Promise<number | null> {
  for (const { runId, river, memo } of first) {
    const { left, run } = await watchRun({ ...watching, runId, river });
    if (left === 'interrupt') return stopWatching({ ...watching, asked: memo, run });
    showRun(watching.console, run, null);
  }
  return null;
}

/** The one at hand, else a new one. A dry run is always asked for anew: an earlier host may have been alone to serve its queue. */
async function runToWatch(runtime: ProjectRuntime, order: RunOrder, known: string | null): Promise<string> {
  if (known !== null && !order.dryRun) return known;
  const river = order.plan.root;
  if (known !== null) await giveUpDryRun(runtime, known, river);
  const runId = newRunId(river, new Date());
  await startRun(runtime.client, { ...runtime, runId, order });
  return runId;
}

/** It keeps nothing, so there is nothing in it to go on with. */
async function giveUpDryRun(runtime: ProjectRuntime, runId: string, river: string): Promise<RunDocument> {
  const message = 'The dry run was given up.';
  // Where Temporal is away, the next host finds it.
  await terminateRun(runtime.client, runId, message).catch(() => {});
  return endedRun({ runtime, runId, river }, { status: 'cancelled', message });
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

interface Stopped extends Watching {
  /** What the run was asked to do, where that is known. */
  asked: RunOrder | RunMemo | null;
  run: RunDocument;
}

/** After Ctrl-C: what stops, what goes on, and how to get on with it. */
async function stopWatching({ console, runtime, interrupt, asked, run }: Stopped): Promise<number> {
  const goOn = asked ? runCommandOf(run.river, asked) : 'upriver dev';
  if (asked?.startedBy === DRY_RUN) return stopDryRun({ console, runtime, interrupt }, run, goOn);
  const giveUp = `upriver cancel ${run.run_id}`;
  if (runtime.role === 'host') {
    console.note('Stopping: requests in flight settle first. Ctrl-C again stops at once.');
    await runtime[Symbol.asyncDispose]();
    console.note(`Stopped. ${run.run_id} has not ended. Go on with it: ${goOn} · give it up: ${giveUp}`);
  } else {
    console.note(
      `${run.run_id} goes on without this command. Look at it: upriver show ${run.run_id} · give it up: ${giveUp}`,
    );
  }
  if (console.json) console.document(run);
  return interrupt.exitCode();
}

async function stopDryRun({ console, runtime, interrupt }: Watching, run: RunDocument, again: string): Promise<number> {
  const given = await giveUpDryRun(runtime, run.run_id, run.river);
  console.note(`Stopped: a dry run keeps nothing to go on with. Ask for it anew: ${again}`);
  if (console.json) console.document(given);
  return interrupt.exitCode();
}
