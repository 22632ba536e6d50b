/** `upriver validate`: checks every file of the project; 0 fine, 2 not. */
import type { Command } from 'commander';
import { loadProject } from '../../language/index.ts';
import { action, newCommand } from '../command.ts';
import { errorDocument, showErrors } from '../errors.ts';
import { EXIT } from '../exit-codes.ts';
import { plural } from '../format.ts';

export function validateCommand(): Command {
  return newCommand('validate', 'check every file of the project').action(
    action(async ({ console, projectDir }) => {
      const project = await loadProject(projectDir);
      const { errors } = project;
      const valid = errors.length === 0;
      if (console.json) {
        console.document({ valid, errors: errors.map(errorDocument) });
      } else if (valid) {
        const counts = [
          plural(project.rivers.size, 'river'),
          plural(project.actions.size, 'action'),
          plural(project.connections.size, 'connection'),
        ];
        console.say(`${console.out('green', 'Fine:')} ${counts.join(', ')}.`);
      } else {
        showErrors(console, errors);
        console.warn(plural(errors.length, 'error'));
      }
      return valid ? EXIT.ok : EXIT.usage;
    }),
  );
}
