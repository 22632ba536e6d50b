/** `upriver worker`: a worker for a Temporal server of one's own; SIGTERM lets requests in flight settle. */
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import { temporalAddress } from '../../temporal/address.ts';
import { openRuntime } from '../../temporal/project-runtime.ts';
import { action, newCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { aborted, onInterrupt } from '../interrupt.ts';
import { openLog } from '../log.ts';
import { loadValidProject } from '../project.ts';

export function workerCommand(): Command {
  return newCommand('worker', 'work for a Temporal server of one’s own', { json: false }).action(
    action(async ({ console, projectDir, env }) => {
      using interrupt = onInterrupt();
      const project = await loadValidProject(projectDir);
      if (!temporalAddress(project, env)) throw noServer();
      const { log } = await openLog(projectDir);
      await using runtime = await openRuntime({
        project,
        env,
        log,
        host: true,
        worker: 'always',
        onNote: (text) => console.note(text),
      });
      console.say(`Worker ready: task queue ${runtime.taskQueue}, namespace ${runtime.namespace}`);
      await Promise.race([aborted(interrupt.signal), runtime.failed]);
      console.say('Stopping: requests in flight settle first, 30 s at most.');
      return EXIT.ok;
    }),
  );
}

function noServer(): UpriverError {
  return new UpriverError('CONFIG_NO_SERVER', 'There is no Temporal server to work for.', {
    hint: 'Set `temporal.address` in upriver.yaml or TEMPORAL_ADDRESS; for the embedded server use `upriver dev`.',
  });
}
