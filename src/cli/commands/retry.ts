/** `upriver retry RUN`: a new run of that run's loops alone, over its rows that did not get through. */
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import type { RunRecord } from '../../core/store.ts';
import { planFor } from '../../language/index.ts';
import { openProjectStore } from '../../temporal/project-store.ts';
import { action, newCommand } from '../command.ts';
import { loadValidProject } from '../project.ts';
import { findRun } from '../run-ids.ts';
import { runRiver } from '../run-river.ts';

interface RetryOptions {
  includeUnknown?: boolean;
  detach?: boolean;
}

export function retryCommand(): Command {
  return newCommand('retry <run>', 'send a run’s rejected, failed and not attempted rows again')
    .option('--include-unknown', 'also rows that may have arrived, though their action is not idempotent')
    .option('--detach', 'start it and leave')
    .action(
      action<RetryOptions>(async (context, [wanted = ''], options) => {
        const project = await loadValidProject(context.projectDir);
        const run = await findEndedRun(await openProjectStore(project, context.env), wanted);
        const order = {
          plan: planFor(project, run.river),
          inputs: run.inputs,
          startedBy: `retry:${run.id}`,
          full: false,
          dryRun: false,
          retryOf: { runId: run.id, includeUnknown: options.includeUnknown ?? false },
        };
        return runRiver(context, { project, order, detach: options.detach ?? false });
      }),
    );
}

async function findEndedRun(opened: Awaited<ReturnType<typeof openProjectStore>>, wanted: string): Promise<RunRecord> {
  await using store = opened;
  const run = await findRun(store, wanted);
  if (run.status !== 'running') return run;
  throw new UpriverError('USAGE', `${run.id} has not ended.`, {
    hint: `Wait for its end, go on with it (\`upriver run ${run.river}\`) or cancel it (\`upriver cancel ${run.id}\`) first.`,
  });
}
