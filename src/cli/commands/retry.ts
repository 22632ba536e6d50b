/** `upriver retry RUN`: a new run of that run's loops alone, over its rows that did not get through. */
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import { byRetryOf } from '../../core/started-by.ts';
import type { RunRecord } from '../../core/store.ts';
import { planFor, type Project } from '../../language/index.ts';
import { action, type CommandContext, newCommand, RUN_HELP } from '../command.ts';
import { openKnownRuns } from '../known-runs.ts';
import { loadValidProject } from '../project.ts';
import { runCommandOf } from '../run-command-of.ts';
import { runRiver } from '../run-river.ts';

interface RetryOptions {
  includeUnknown?: boolean;
  detach?: boolean;
}

export function retryCommand(): Command {
  return newCommand('retry <run>', 'send a run’s rejected, failed and not attempted rows again')
    .option('--include-unknown', 'also rows that may have arrived, though their action is not idempotent')
    .option('--detach', 'start it and leave')
    .addHelpText('after', RUN_HELP)
    .action(
      action<RetryOptions>(async (context, [wanted = ''], options) => {
        const project = await loadValidProject(context.projectDir);
        const run = await findEndedRun(context, project, wanted);
        const order = {
          plan: planFor(project, run.river),
          inputs: run.inputs,
          startedBy: byRetryOf(run.id),
          full: false,
          dryRun: false,
          retryOf: { runId: run.id, includeUnknown: options.includeUnknown ?? false },
        };
        return runRiver(context, { project, order, detach: options.detach ?? false });
      }),
    );
}

async function findEndedRun(context: CommandContext, project: Project, wanted: string): Promise<RunRecord> {
  await using runs = await openKnownRuns(context, project);
  const { run } = await runs.find(wanted);
  if (run.status !== 'running') return run;
  throw new UpriverError('USAGE', `${run.id} has not ended.`, {
    hint: `Wait for its end, go on with it (\`${runCommandOf(run.river, run)}\`) or cancel it (\`upriver cancel ${run.id}\`) first.`,
  });
}
