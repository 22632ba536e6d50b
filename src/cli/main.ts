/** The command line: parses, calls one command, and leaves with its exit code. */
import { Command, CommanderError } from 'commander';
import { UpriverError } from '../core/errors.ts';
import { guarded, RUN_HELP } from './command.ts';
import { createConsole } from './console.ts';
import { EXIT } from './exit-codes.ts';
import { packageVersion } from './package.ts';

/** Loaded when called for: the drivers and Temporal's SDK take longer to load than a small command to run. */
const COMMANDS: Readonly<Record<string, () => Promise<Command>>> = {
  init: async () => (await import('./commands/init.ts')).initCommand(),
  validate: async () => (await import('./commands/validate.ts')).validateCommand(),
  run: async () => (await import('./commands/run.ts')).runCommand(),
  dev: async () => (await import('./commands/dev.ts')).devCommand(),
  worker: async () => (await import('./commands/worker.ts')).workerCommand(),
  runs: async () => (await import('./commands/runs.ts')).runsCommand(),
  show: async () => (await import('./commands/show.ts')).showCommand(),
  rows: async () => (await import('./commands/rows.ts')).rowsCommand(),
  cancel: async () => (await import('./commands/cancel.ts')).cancelCommand(),
  retry: async () => (await import('./commands/retry.ts')).retryCommand(),
  schedules: async () => (await import('./commands/schedules.ts')).schedulesCommand(),
  connections: async () => (await import('./commands/connections.ts')).connectionsCommand(),
  doctor: async () => (await import('./commands/doctor.ts')).doctorCommand(),
  sandbox: async () => (await import('./commands/sandbox.ts')).sandboxCommand(),
};

const HELP = `${RUN_HELP}

A row ends in one outcome:
  delivered      the API took it
  unchanged      not sent: it was delivered before with the same values (send: changed)
  skipped        a condition or a rule of the action passed it over
  rejected       refused by the API or by a check: this row is wrong
  failed         its tries are used up
  unknown        sent, no answer, and not safe to send again: look in the destination
  not_attempted  a stop, a cancel or a timeout left it untouched; retry sends it
A run is \`partial\` when rows ended rejected, failed or unknown, within what the loop tolerates.

Exit codes: 0 succeeded, 1 failed, 2 bad files or usage, 3 partial, 4 cancelled, 5 Temporal or state out of reach,
            130 Ctrl-C: the run has not ended

All commands take --project DIR (default: here). \`upriver help COMMAND\` tells more; so do the pages in docs/.`;

/** With the command that is called; with all of them for help, and to say what an unknown one may have meant. */
async function createProgram(called: string | undefined): Promise<Command> {
  const program = new Command('upriver')
    .description('Durable reverse ETL on Temporal: every row ends in exactly one honest outcome.')
    .version(packageVersion(), '-V, --version', 'print the version')
    .helpCommand('help [command]', 'how to use a command')
    .addHelpText('after', HELP);
  const one = called !== undefined && Object.hasOwn(COMMANDS, called) ? COMMANDS[called] : undefined;
  for (const create of one ? [one] : Object.values(COMMANDS)) program.addCommand(await create());
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

/** `help schedules apply` is `schedules apply --help`; options before the command are as good as after it. */
function normalize(given: string[]): string[] {
  const [first = '', second = ''] = given;
  if (first === 'help' && Object.hasOwn(COMMANDS, second)) return [...given.slice(1), '--help'];
  const leading = first === '--project' ? 2 : /^--(project=|json$)/.test(first) ? 1 : 0;
  if (leading === 0 || given.length <= leading) return given;
  return [...normalize(given.slice(leading)), ...given.slice(0, leading)];
}

const args = normalize(process.argv.slice(2));
const code = await guarded(createConsole(args.includes('--json')), process.cwd(), async () => {
  await parse(await createProgram(args[0]), args);
  return Number(process.exitCode ?? EXIT.ok);
});
process.exitCode = code;
leave();
