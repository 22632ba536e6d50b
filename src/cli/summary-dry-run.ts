/** What a dry run found: how many rows and requests there would be, how long they take, and the first of them. */
import type { DryRunReport } from '../contracts/run.ts';
import type { Console } from './console.ts';
import { duration, plural } from './format.ts';
import type { RunDocument } from './run-view.ts';

export function showDryRun(console: Console, report: DryRunReport, run: RunDocument): void {
  const { rows, requests, estimated_ms: ms } = report;
  console.say(
    `Nothing was sent. It would be ${plural(rows, 'row')} in ${plural(requests, 'request')}; the limits let them out in ${duration(ms)}.`,
  );
  const passed = (['unchanged', 'skipped'] as const).filter((name) => run.rows[name] > 0);
  for (const name of passed) console.say(`${plural(run.rows[name], 'row')} would be ${name}.`);
  if (run.rows.rejected > 0)
    console.say(`${plural(run.rows.rejected, 'row')} would be rejected before anything is sent:`);
  for (const { step, row, code, message } of report.refused) console.say(`  ${step} row ${row}  ${code}  ${message}`);
  if (run.rows.rejected > report.refused.length)
    console.say(`  … Those whose key is null or shared: upriver rows ${run.run_id} --outcome rejected`);
  for (const id of report.undecided)
    console.say(
      `${id} was not decided, and its branches left out: it reads what an action puts out, which only a real run knows.`,
    );
  for (const sample of report.samples) {
    console.say(`\n  ${console.out('bold', `${sample.step} row ${sample.row}`)}  ${sample.method} ${sample.url}`);
    for (const [name, value] of Object.entries(sample.headers))
      console.say(`    ${console.out('dim', `${name}:`)} ${value}`);
    if (sample.body !== null) console.say(`    ${sample.body}`);
  }
  console.say();
}
