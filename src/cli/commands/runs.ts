/** `upriver runs [RIVER]`: the latest runs, newest first. */
import type { Command } from 'commander';
import { badRows } from '../../core/outcomes.ts';
import { openProjectStore } from '../../temporal/project-store.ts';
import { action, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { duration, number, timestamp } from '../format.ts';
import { parseCount } from '../options.ts';
import { loadProjectSettings } from '../project.ts';
import { type RunDocument, readSteps, runDocument } from '../run-view.ts';
import { status } from '../summary.ts';
import { table } from '../tables.ts';

export function runsCommand(): Command {
  return newCommand('runs [river]', 'list the latest runs')
    .option('--limit <n>', 'how many', parseCount, 20)
    .action(
      action<{ limit: number }>(async ({ console, projectDir, env }, [river], { limit }) => {
        await using store = await openProjectStore(await loadProjectSettings(projectDir), env);
        const now = Date.now();
        const records = await store.listRuns({ river, limit });
        const runs = await Promise.all(
          records.map(async (run) => runDocument(run, await readSteps(store, run.id), now)),
        );
        if (console.json) console.document({ runs });
        else if (runs.length === 0) console.say('No runs yet. Start one with: upriver run RIVER');
        else console.say(runTable(console, runs));
        return EXIT.ok;
      }),
    );
}

function runTable(console: Console, runs: readonly RunDocument[]): string {
  const columns = [
    { head: 'run' },
    { head: 'status' },
    { head: 'started' },
    { head: 'time', right: true },
    { head: 'read', right: true },
    { head: 'delivered', right: true },
    { head: 'bad', right: true },
  ];
  const rows = runs.map((run) => [
    run.run_id,
    status(console, run.status),
    timestamp(Date.parse(run.started_at)),
    duration(run.duration_ms),
    number(run.rows.read),
    number(run.rows.delivered),
    number(badRows(run.rows)),
  ]);
  return table(console, columns, rows);
}
