/** The command line: parses, calls one command, and leaves with its exit code. */
import { Command, CommanderError } from 'commander';
import { UpriverError } from '../core/errors.ts';
import { guarded } from './command.ts';
import { cancelCommand } from './commands/cancel.ts';
import { connectionsCommand } from './commands/connections.ts';
import { devCommand } from './commands/dev.ts';
import { doctorCommand } from './commands/doctor.ts';
import { initCommand } from './commands/init.ts';
import { retryCommand } from './commands/retry.ts';
import { rowsCommand } from './commands/rows.ts';
import { runCommand } from './commands/run.ts';
import { runsCommand } from './commands/runs.ts';
import { sandboxCommand } from './commands/sandbox.ts';
import { schedulesCommand } from './commands/schedules.ts';
import { showCommand } from './commands/show.ts';
import { validateCommand } from './commands/validate.ts';
import { workerCommand } from './commands/worker.ts';
import { createConsole } from './console.ts';
import { EXIT } from './exit-codes.ts';
import { packageVersion } from './package.ts';

const COMMANDS = [
  initCommand,
  validateCommand,
  runCommand,
  devCommand,
  workerCommand,
  runsCommand,
  showCommand,
  rowsCommand,
  cancelCommand,
  retryCommand,
  schedulesCommand,
  connectionsCommand,
  doctorCommand,
  sandboxCommand,
];

function createProgram(): Command {
  const program = new Command('upriver')
    .description('Durable reverse ETL on Temporal: every row ends in exactly one honest outcome.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'how to use a command');
  for (const create of COMMANDS) program.addCommand(create());
  return quiet(program);
}

/** Commander throws instead of exiting, and leaves the printing of mistakes to us. */
function quiet(command: Command): Command {
  command
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .showSuggestionAfterError(true);
  for (const sub of command.commands) quiet(sub as Command);
  return command;
}

async function parse(program: Command, args: string[]): Promise<void> {
  try {
    await program.parseAsync(args, { from: 'user' });
  } catch (thrown) {
    if (!(thrown instanceof CommanderError)) throw thrown;
    if (thrown.exitCode === 0) return;
    if (thrown.code === 'commander.help') {
      process.exitCode = EXIT.usage;
      return;
    }
    throw usageError(thrown);
  }
}

function usageError(error: CommanderError): UpriverError {
  const [first = '', ...more] = error.message.replace(/^error: /, '').split('\n');
  const hint = more.join(' ').replace(/^\(|\)$/g, '');
  return new UpriverError('USAGE', first, { hint: hint || 'See `upriver help` and `upriver help COMMAND`.' });
}

/** Leaves after what was written is out, whatever native handles are still open. */
function leave(): void {
  process.stdout.write('', () => process.stderr.write('', () => process.exit()));
}

process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  // The reader (`| head`) has seen enough.
  if (error.code === 'EPIPE') process.exit(EXIT.ok);
  throw error;
});

const args = process.argv.slice(2);
const code = await guarded(createConsole(args.includes('--json')), process.cwd(), async () => {
  await parse(createProgram(), args);
  return Number(process.exitCode ?? EXIT.ok);
});
process.exitCode = code;
leave();
