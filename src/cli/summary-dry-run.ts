/** What a dry run found: how many rows and requests there would be, how long they take, and the first of them. */
import type { DryRunReport } from '../contracts/run.ts';
import type { Console } from './console.ts';
import { duration, plural } from './format.ts';

export function showDryRun(console: Console, report: DryRunReport): void {
  const { rows, requests, estimated_ms: ms } = report;
  console.say(
    `Nothing was sent. It would be ${plural(rows, 'row')} in ${plural(requests, 'request')}; the limits let them out in ${duration(ms)}.`,
  );
  for (const sample of report.samples) {
    console.say(`\n  ${console.out('bold', `${sample.step} row ${sample.row}`)}  ${sample.method} ${sample.url}`);
    for (const [name, value] of Object.entries(sample.headers))
      console.say(`    ${console.out('dim', `${name}:`)} ${value}`);
    if (sample.body !== null) console.say(`    ${sample.body}`);
  }
  console.say();
}
