/** What a run came to, for people: a line, a table of its steps, what went wrong and what to type next. */
import type { ErrorReport } from '../core/errors.ts';
import { BAD_OUTCOMES, badRows, COUNTED } from '../core/outcomes.ts';
import type { Console } from './console.ts';
import { showReport } from './errors.ts';
import { duration, number, outcomeLabel, plural } from './format.ts';
import type { RunDocument } from './run-view.ts';
import { type Column, table } from './tables.ts';

const COLOURS = {
  succeeded: 'green',
  partial: 'yellow',
  failed: 'red',
  cancelled: 'yellow',
  skipped: 'dim',
  running: 'cyan',
} as const;

/** `uiUrl`: the run's page in Temporal's UI, where one is up. */
export function showRun(console: Console, run: RunDocument, uiUrl: string | null): void {
  console.say(
    `${console.out('bold', run.river)}  ${status(console, run.status)}  ${duration(run.duration_ms)}  ${run.run_id}`,
  );
  if (run.steps.length > 0) console.say(`\n${stepTable(console, run)}\n`);
  showErrors(console, run);
  if (badRows(run.rows) > 0 && run.error?.code !== 'ROW_TOLERANCE') console.say(whereTheRowsAre(run));
  if (uiUrl) console.say(`Temporal UI: ${uiUrl}`);
}

export function status(console: Console, name: keyof typeof COLOURS): string {
  return console.out(COLOURS[name], name);
}

function stepTable(console: Console, run: RunDocument): string {
  const loops = run.steps.filter((step) => step.rows);
  const counted = (['read', ...COUNTED] as const).filter((name) => name === 'read' || run.rows[name] > 0);
  const columns: Column[] = [{ head: 'step' }, { head: 'type' }, { head: 'status' }, { head: 'time', right: true }];
  if (loops.length > 0) {
    for (const name of counted) columns.push({ head: name === 'read' ? name : outcomeLabel(name), right: true });
    columns.push({ head: 'requests', right: true });
  }
  const rows = run.steps.map((step) => {
    const cells = [step.id, step.type, status(console, step.status), duration(step.duration_ms)];
    const { rows: counts } = step;
    if (counts) cells.push(...counted.map((name) => number(counts[name])), number(step.requests ?? 0));
    return [...cells, ...Array<string>(columns.length - cells.length).fill('')];
  });
  return table(console, columns, rows);
}

export function showErrors(console: Console, run: RunDocument): void {
  for (const report of errorsOf(run)) showReport(console, report, run.run_id);
}

/** The steps' errors, each once though the containers around it failed by it too, and the run's own unless it is one of those. */
function errorsOf(run: RunDocument): ErrorReport[] {
  const ofSteps = run.steps.flatMap((step) => (step.error ? [{ ...step.error, step: step.id }] : []));
  const innermost = ofSteps.filter((error, index) => !ofSteps.slice(index + 1).some((later) => isSame(error, later)));
  const { error } = run;
  return error && !innermost.some((other) => isSame(error, other)) ? [...innermost, error] : innermost;
}

function isSame(a: ErrorReport, b: ErrorReport): boolean {
  return a.code === b.code && a.message === b.message;
}

function whereTheRowsAre(run: RunDocument): string {
  const bad = badRows(run.rows);
  const names = BAD_OUTCOMES.filter((name) => run.rows[name] > 0).join(',');
  return `${plural(bad, 'row')} ended ${names.replaceAll(',', ', ')}. Which and why: upriver rows ${run.run_id} --outcome ${names}`;
}
