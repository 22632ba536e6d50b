/** `upriver runs [RIVER]`: the latest runs, newest first. */
import type { Command } from 'commander';
import { badRows } from '../../core/outcomes.ts';
import { starterOf } from '../../core/started-by.ts';
import { planFor } from '../../language/index.ts';
import { action, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { duration, number, timestamp } from '../format.ts';
import { openKnownRuns } from '../known-runs.ts';
import { parseCount } from '../options.ts';
import { loadProjectSettings, loadValidProject } from '../project.ts';
import { type RunDocument, readSteps, runDocument } from '../run-view.ts';
import { status } from '../summary.ts';
import { table } from '../tables.ts';

export function runsCommand(): Command {
  return newCommand('runs [river]', 'list the latest runs')
    .option('--limit <n>', 'how many', parseCount, 20)
    .action(
      action<{ limit: number }>(async (context, [river], { limit }) => {
        const { console } = context;
        const project = await loadProjectSettings(context.projectDir);
        await using known = await openKnownRuns(context, project);
        const now = Date.now();
        const runs = await Promise.all(
          (await known.list({ river, limit })).map(async ({ run, waits }) => ({
            document: runDocument(run, await readSteps(known.store, run.id), now),
            by: starterOf(run.startedBy).by,
            waits: waits !== null,
          })),
        );
        // Of a river that nobody knows there is nothing to list: its name is mistyped, or its file is not valid.
        if (runs.length === 0 && river !== undefined && !project.rivers.has(river))
          planFor(await loadValidProject(context.projectDir), river);
        if (console.json) console.document({ runs: runs.map(({ document }) => document) });
        else if (runs.length === 0) console.say(`No runs yet. Start one with: upriver run ${river ?? 'RIVER'}`);
        else console.say(runTable(console, runs));
        return EXIT.ok;
      }),
    );
}

interface Listed {
  document: RunDocument;
  /** Who asked for it: cli, dry-run, schedule, river, retry. */
  by: string;
  waits: boolean;
}

function runTable(console: Console, runs: readonly Listed[]): string {
  const columns = [
    { head: 'run' },
    { head: 'status' },
    { head: 'by' },
    { head: 'started' },
    { head: 'time', right: true },
    { head: 'read', right: true },
    { head: 'delivered', right: true },
    { head: 'bad', right: true },
  ];
  const rows = runs.map(({ document: run, by, waits }) => [
    run.run_id,
    waits ? console.out('cyan', 'not begun') : status(console, run.status),
    by,
    timestamp(Date.parse(run.started_at)),
    duration(run.duration_ms),
    number(run.rows.read),
    number(run.rows.delivered),
    number(badRows(run.rows)),
  ]);
  return table(console, columns, rows);
}
