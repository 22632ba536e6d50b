/** What every command shares: its options, its context, and the way from a thrown error to an exit code. */
import { resolve } from 'node:path';
import { Command } from 'commander';
import { type Console, createConsole } from './console.ts';
import { showErrors, toUserErrors } from './errors.ts';
import { exitCodeOfError } from './exit-codes.ts';

export interface CommandContext {
  console: Console;
  /** Absolute. */
  projectDir: string;
  env: NodeJS.ProcessEnv;
}

/** Below the help of commands that take a RUN. */
export const RUN_HELP = `
RUN is a run's id, a unique beginning of it, a river's name (its latest run), or \`last\`.`;

interface SharedOptions {
  project?: string;
  json?: boolean;
}

/** Parse, call, report, exit code: `work` gets the parsed arguments and says what the process exits with. */
export type Work<Options> = (context: CommandContext, args: string[], options: Options) => Promise<number>;

/** A command with `--project` and, unless it has no document to print, `--json`. */
export function newCommand(usage: string, description: string, { json = true } = {}): Command {
  const command = new Command(usage.split(' ', 1)[0]).description(description);
  for (const argument of usage.split(' ').slice(1)) command.argument(argument);
  command.option('--project <dir>', 'the project’s folder (default: here)');
  if (json) command.option('--json', 'print one JSON document on stdout and nothing else there');
  return command;
}

export function action<Options extends object>(work: Work<Options>): (this: Command) => Promise<void> {
  return async function run(this: Command) {
    const options = this.optsWithGlobals<Options & SharedOptions>();
    const console = createConsole(options.json ?? false);
    const projectDir = resolve(options.project ?? '.');
    const args = this.processedArgs.flat().filter((arg): arg is string => typeof arg === 'string');
    process.exitCode = await guarded(console, projectDir, () =>
      work({ console, projectDir, env: process.env }, args, options),
    );
  };
}

/** Runs `work`; what it throws is shown and becomes its exit code. */
export async function guarded(console: Console, projectDir: string, work: () => Promise<number>): Promise<number> {
  try {
    return await work();
  } catch (thrown) {
    showErrors(console, await toUserErrors(thrown, projectDir));
    return exitCodeOfError(thrown);
  }
}
