/** What Temporal's UI shows of a run: Markdown that says in a glance how far it is. */
import type { StepResult } from '../src/contracts/run.ts';
import { COUNTED, type RowCounts } from '../src/core/outcomes.ts';

/** A loop's counts. */
export function countsTable(rows: RowCounts, note: string | null): string {
  const shown = ['read', ...COUNTED.filter((name) => name === 'delivered' || rows[name] > 0)] as (keyof RowCounts)[];
  const table = [shown, shown.map(() => '---:'), shown.map((name) => rows[name])].map(line).join('\n');
  return note ? `${note}\n\n${table}` : table;
}

/** A run's steps so far. */
export function stepsTable(steps: readonly StepResult[], note: string | null): string {
  const lines = steps.map(({ id, type, status, rows }) => [
    `\`${id}\``,
    type,
    status,
    rows ? `${rows.delivered} of ${rows.read} delivered${badNote(rows)}` : '',
  ]);
  const table = [['step', 'type', 'status', 'rows'], ['---', '---', '---', '---'], ...lines].map(line).join('\n');
  return note ? `${note}\n\n${table}` : table;
}

function badNote({ rejected, failed, unknown }: RowCounts): string {
  const parts = Object.entries({ rejected, failed, unknown }).filter(([, count]) => count > 0);
  return parts.map(([name, count]) => `, ${count} ${name}`).join('');
}

function line(cells: readonly (string | number)[]): string {
  return `| ${cells.join(' | ')} |`;
}
