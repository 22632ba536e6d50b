/** `upriver connections test [NAME]`: logs in to each connection and says what it found. */
import type { Command } from 'commander';
import { toReport, UpriverError } from '../../core/errors.ts';
import { findEmbedded } from '../../temporal/embedded.ts';
import { testConnection } from '../../temporal/connection-test.ts';
import { action, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { loadValidProject } from '../project.ts';

interface Tested {
  connection: string;
  type: string;
  ok: boolean;
  facts: Record<string, string>;
  error: ReturnType<typeof toReport> | null;
}

export function connectionsCommand(): Command {
  return newCommand('connections', 'the project’s connections').addCommand(testCommand());
}

function testCommand(): Command {
  return newCommand('test [name]', 'log in to one connection, or to all').action(
    action(async ({ console, projectDir, env }, [name]) => {
      const project = await loadValidProject(projectDir);
      const connections = [...project.connections.values()].filter((each) => name === undefined || each.name === name);
      if (connections.length === 0) throw unknownConnection(name, [...project.connections.keys()]);
      const results: Tested[] = [];
      for (const connection of connections) {
        const { name: connectionName, type } = connection;
        const base = { connection: connectionName, type };
        const result = await testConnection(connection, { projectDir, env })
          .catch((error) => heldByHost(error, projectDir))
          .then(
            (facts): Tested => ({ ...base, ok: true, facts, error: null }),
            (error): Tested => ({ ...base, ok: false, facts: {}, error: toReport(error) }),
          );
        results.push(result);
        show(console, result);
      }
      if (console.json) console.document({ connections: results });
      return results.every((result) => result.ok) ? EXIT.ok : EXIT.failed;
    }),
  );
}

/** A DuckDB file belongs to one process: where that is the one that runs this project's rivers, all is well. */
async function heldByHost(error: unknown, projectDir: string): Promise<Record<string, string>> {
  const holder = error instanceof UpriverError && error.code === 'CONFIG_DUCKDB_LOCKED' && error.context['pid'];
  if (!holder || (await findEmbedded(projectDir))?.hostPid !== holder) throw error;
  return { 'in use': `by process ${holder}, which runs this project's rivers` };
}

function show(console: Console, { connection, type, ok, facts, error }: Tested): void {
  const mark = ok ? console.out('green', 'ok  ') : console.out('red', 'fail');
  console.say(`  ${mark}  ${console.out('bold', connection)} (${type})`);
  for (const [name, value] of Object.entries(facts)) console.say(`        ${name}: ${value}`);
  if (error)
    console.say(
      `        ${error.code}  ${error.message}${error.hint ? `\n        ${console.out('dim', '→')} ${error.hint}` : ''}`,
    );
}

function unknownConnection(name: string | undefined, known: readonly string[]): UpriverError {
  if (name === undefined)
    return new UpriverError('USAGE', 'The project has no connections.', { hint: 'Write them into connections.yaml.' });
  return new UpriverError('USAGE', `There is no connection '${name}'.`, {
    hint: `connections.yaml has: ${known.join(', ')}.`,
  });
}
