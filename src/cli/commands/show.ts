/** `upriver show RUN`: a run's steps, counts and errors; needs nothing running. */
import type { Command } from 'commander';
import { DRY_RUN } from '../../core/started-by.ts';
import { temporalAddress } from '../../temporal/address.ts';
import { findRunUrl } from '../../temporal/run-url.ts';
import { action, newCommand, RUN_HELP } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { openKnownRuns } from '../known-runs.ts';
import { loadProjectSettings } from '../project.ts';
import { runCommandOf } from '../run-command-of.ts';
import { readSteps, runDocument } from '../run-view.ts';
import { showRun } from '../summary.ts';

export function showCommand(): Command {
  return newCommand('show <run>', 'show what a run did')
    .addHelpText('after', RUN_HELP)
    .action(
      action(async (context, [wanted = '']) => {
        const { console, projectDir, env } = context;
        const project = await loadProjectSettings(projectDir);
        await using runs = await openKnownRuns(context, project);
        const { run, waits } = await runs.find(wanted);
        const document = runDocument(run, await readSteps(runs.store, run.id), Date.now());
        const url = await findRunUrl(project, run.id);
        if (console.json) console.document(document);
        else showRun(console, document, url);
        if (waits) console.say(`It has not begun: ${waits}.`);
        else if (run.status === 'running' && run.startedBy !== DRY_RUN && !url && !temporalAddress(project, env)) {
          console.say(`Nothing works on it now. Go on with it: ${runCommandOf(run.river, run)} (or upriver dev)`);
        }
        return EXIT.ok;
      }),
    );
}
