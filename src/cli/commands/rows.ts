/** `upriver rows RUN`: each row of the run's loops with its outcome and the reason. */
import { type Command, Option } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import { COUNTED, type CountedOutcome } from '../../core/outcomes.ts';
import type { StepRecord } from '../../core/store.ts';
import { openProjectStore } from '../../temporal/project-store.ts';
import { action, newCommand, RUN_HELP } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { keyColumnsOf } from '../loop-keys.ts';
import { parseCount } from '../options.ts';
import { loadProjectSettings } from '../project.ts';
import { type RowReport, readRows, reasonsOf } from '../rows.ts';
import { rowWriters } from '../row-writers.ts';
import { findRun } from '../run-ids.ts';

/** A table of more is no longer read by anyone. */
const TABLE_ROWS = 100;

interface RowsOptions {
  outcome?: ReadonlySet<CountedOutcome>;
  step?: string;
  format: keyof typeof rowWriters;
  limit?: number;
  json?: boolean;
}

export function rowsCommand(): Command {
  return newCommand('rows <run>', 'list a run’s rows with their outcomes')
    .option('--outcome <names>', 'only these outcomes, by commas', parseOutcomes)
    .option('--step <id>', 'only this loop')
    .addOption(new Option('--format <format>', 'table, csv or json').choices(Object.keys(rowWriters)).default('table'))
    .option('--limit <n>', `at most so many rows (default: ${TABLE_ROWS} in a table, else all)`, parseCount)
    .addHelpText('after', RUN_HELP)
    .action(
      action<RowsOptions>(async ({ console, projectDir, env }, [wanted = ''], options) => {
        const project = await loadProjectSettings(projectDir);
        await using store = await openProjectStore(project, env);
        const run = await findRun(store, wanted);
        const steps = await store.listSteps(run.id);
        refuseUnknownStep(options.step, steps);
        const format = options.json ? 'json' : options.format;
        const limit = options.limit ?? (format === 'table' ? TABLE_ROWS : Number.POSITIVE_INFINITY);
        const rows = readRows(store, {
          runId: run.id,
          outcomes: options.outcome ?? null,
          step: options.step ?? null,
          untouched: reasonsOf(run, steps),
          keyColumns: keyColumnsOf(project, run.river),
        });
        await rowWriters[format](console, upTo(rows, limit));
        return EXIT.ok;
      }),
    );
}

function refuseUnknownStep(wanted: string | undefined, steps: readonly StepRecord[]): void {
  const loops = steps.filter(({ type }) => type === 'loop').map(({ stepId }) => stepId);
  if (wanted === undefined || loops.includes(wanted)) return;
  throw new UpriverError('USAGE', `The run has no loop '${wanted}'.`, {
    hint: loops.length > 0 ? `It has: ${loops.slice(0, 10).join(', ')}.` : 'No loop of it has begun.',
  });
}

/** The first `limit` rows; returns whether there were more. */
async function* upTo(rows: AsyncIterable<RowReport>, limit: number): AsyncGenerator<RowReport, boolean> {
  let count = 0;
  for await (const row of rows) {
    if (count++ === limit) return true;
    yield row;
  }
  return false;
}

function parseOutcomes(text: string): ReadonlySet<CountedOutcome> {
  const names = text.split(',').map((name) => name.trim());
  const known: readonly string[] = COUNTED;
  const wrong = names.find((name) => !known.includes(name));
  if (wrong !== undefined) {
    throw new UpriverError('USAGE', `'${wrong}' is not an outcome.`, { hint: `Outcomes are ${COUNTED.join(', ')}.` });
  }
  return new Set(names as CountedOutcome[]);
}
