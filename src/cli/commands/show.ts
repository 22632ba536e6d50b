/** `upriver show RUN`: a run's steps, counts and errors; needs nothing running. */
import type { Command } from 'commander';
import { temporalAddress } from '../../temporal/address.ts';
import { openProjectStore } from '../../temporal/project-store.ts';
import { findRunUrl } from '../../temporal/run-url.ts';
import { action, newCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { loadProjectSettings } from '../project.ts';
import { findRun } from '../run-ids.ts';
import { readSteps, runDocument } from '../run-view.ts';
import { showRun } from '../summary.ts';

export function showCommand(): Command {
  return newCommand('show <run>', 'show what a run did').action(
    action(async ({ console, projectDir, env }, [wanted = '']) => {
      const project = await loadProjectSettings(projectDir);
      await using store = await openProjectStore(project, env);
      const run = await findRun(store, wanted);
      const document = runDocument(run, await readSteps(store, run.id), Date.now());
      const url = await findRunUrl(project, run.id);
      if (console.json) console.document(document);
      else showRun(console, document, url);
      if (run.status === 'running' && !url && !temporalAddress(project, env)) {
        console.say(`Nothing works on it now. Go on with it: upriver run ${run.river} (or upriver dev)`);
      }
      return EXIT.ok;
    }),
  );
}
