/** `upriver cancel RUN`: stops a run between requests and waits until its outcomes are written. */
import type { Client } from '@temporalio/client';
import type { Command } from 'commander';
import { DRY_RUN } from '../../core/started-by.ts';
import { cancelRun, hasWorker, terminateRun } from '../../temporal/client.ts';
import { openRuntime, type ProjectRuntime } from '../../temporal/project-runtime.ts';
import { action, type CommandContext, newCommand, RUN_HELP } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { onInterrupt } from '../interrupt.ts';
import { openKnownRuns } from '../known-runs.ts';
import { openLog } from '../log.ts';
import { loadProjectSettings } from '../project.ts';
import { type RunDocument, readSteps, runDocument } from '../run-view.ts';
import { showRun } from '../summary.ts';
import { watchRun } from '../watch.ts';

export function cancelCommand(): Command {
  return newCommand('cancel <run>', 'stop a run and wait for its end')
    .addHelpText(
      'after',
      `${RUN_HELP}\nExits with 0 when the run is cancelled, with 1 when it ended otherwise before that.`,
    )
    .action(
      action(async (context, [wanted = '']) => {
        const { document, startedBy } = await lookUp(context, wanted);
        if (document.status !== 'running') return alreadyEnded(context.console, document);
        return cancelAndWait(context, document, startedBy === DRY_RUN);
      }),
    );
}

async function lookUp(context: CommandContext, wanted: string): Promise<{ document: RunDocument; startedBy: string }> {
  await using runs = await openKnownRuns(context, await loadProjectSettings(context.projectDir));
  const { run } = await runs.find(wanted);
  return { document: runDocument(run, await readSteps(runs.store, run.id), Date.now()), startedBy: run.startedBy };
}

function alreadyEnded(console: Console, run: RunDocument): number {
  if (console.json) console.document(run);
  const cancelled = run.status === 'cancelled';
  if (cancelled) console.say(`${run.run_id} is cancelled already.`);
  else console.warn(`${run.run_id} has ended (${run.status}): there is nothing to cancel.`);
  return cancelled ? EXIT.ok : EXIT.failed;
}

async function cancelAndWait(
  { console, projectDir, env }: CommandContext,
  { run_id: runId, river }: RunDocument,
  dryRun: boolean,
): Promise<number> {
  using interrupt = onInterrupt();
  const { log } = await openLog(projectDir);
  // A dry run has no outcomes to write, and nobody may ever ask its queue for work.
  const stop = (client: Client) =>
    dryRun ? terminateRun(client, runId, 'The dry run was given up.') : cancelRun(client, runId);
  await using runtime = await openRuntime({
    project: await loadProjectSettings(projectDir),
    env,
    log,
    host: true,
    onNote: (text) => console.note(text),
    // Asked before there is a worker, so that the run does not go on for a moment first.
    beforeWorker: stop,
  });
  if (runtime.role !== 'host') await stop(runtime.client);
  if (!dryRun && !(await anyoneWorks(runtime))) {
    console.note(`${runId} is asked to stop, but no worker is up to do it. It ends when one is: upriver worker`);
    return EXIT.failed;
  }
  const { left, run } = await watchRun({ console, runtime, runId, river, interrupt });
  if (console.json) console.document(run);
  else if (left === 'ended') showRun(console, run, null);
  if (left === 'interrupt') return interrupt.exitCode();
  return run.status === 'cancelled' ? EXIT.ok : EXIT.failed;
}

async function anyoneWorks({ role, client, namespace, taskQueue }: ProjectRuntime): Promise<boolean> {
  return role !== 'server' || (await hasWorker(client, namespace, taskQueue));
}
