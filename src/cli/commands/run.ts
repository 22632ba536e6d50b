/** `upriver run RIVER`: runs it and waits for its end. */
import type { Command } from 'commander';
import { DRY_RUN } from '../../core/started-by.ts';
import { planFor, type Project, resolveInputs } from '../../language/index.ts';
import type { RunOrder } from '../../temporal/client.ts';
import { action, newCommand } from '../command.ts';
import { collectInput } from '../options.ts';
import { loadValidProject } from '../project.ts';
import { runRiver } from '../run-river.ts';

interface RunOptions {
  input?: Record<string, string>;
  full?: boolean;
  dryRun?: boolean;
  detach?: boolean;
}

export function runCommand(): Command {
  return newCommand('run <river>', 'run a river and wait for its end')
    .option('--input <name=value>', 'an input of the river; may be given again', collectInput)
    .option('--full', 'send every row, also those that were delivered before')
    .option('--dry-run', 'run the SQL and show the requests; send nothing')
    .option('--detach', 'start it and leave')
    .action(
      action<RunOptions>(async (context, [river = ''], options) => {
        const project = await loadValidProject(context.projectDir);
        const order = orderOf(project, river, options);
        return runRiver(context, { project, order, detach: options.detach ?? false });
      }),
    );
}

function orderOf(project: Project, river: string, options: RunOptions): RunOrder {
  const plan = planFor(project, river);
  const root = plan.rivers[plan.root];
  return {
    plan,
    inputs: root ? resolveInputs(root, options.input ?? {}) : {},
    startedBy: options.dryRun ? DRY_RUN : 'cli',
    full: options.full ?? false,
    dryRun: options.dryRun ?? false,
    retryOf: null,
  };
}
