/** `upriver show RUN`: a run's steps, counts and errors; needs nothing running. */
import type { Command } from 'commander';
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
      if (console.json) console.document(document);
      else showRun(console, document, await findRunUrl(project, run.id));
      return EXIT.ok;
    }),
  );
}
