/** `npm run chaos`: kills parts of upriver at random moments while a loop runs, then accounts for every row. */
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { type ChaosReport, runChaos } from '../test/chaos/chaos.ts';
import { MODES } from '../test/chaos/project.ts';
import { KINDS } from '../test/chaos/schedule.ts';

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    /** So many runs, with seeds from `seed` on. */
    runs: { type: 'string', default: '1' },
    rows: { type: 'string', default: '20000' },
    /** Things that go wrong in each run. */
    kills: { type: 'string', default: '20' },
    /** Which, by comma: kill, freeze, term, temporal, postgres, down, faults; cancel if named. */
    kinds: { type: 'string' },
    /** patch | post | batch | changed */
    mode: { type: 'string', default: 'patch' },
    /** sqlite | postgres */
    store: { type: 'string', default: 'sqlite' },
    workers: { type: 'string', default: '1' },
    'in-flight': { type: 'string', default: '20' },
    latency: { type: 'string', default: '20' },
    json: { type: 'boolean', default: false },
  },
});

const whole = z.coerce.number().int().min(0);
const Options = z.object({
  rows: whole,
  events: whole,
  kinds: z.array(z.enum(KINDS)).min(1),
  mode: z.enum(MODES),
  store: z.enum(['sqlite', 'postgres']),
  workers: whole,
  maxInFlight: whole,
  latencyMs: whole,
});

const { kills, kinds, latency, 'in-flight': maxInFlight, ...rest } = values;
const usual = KINDS.filter((kind) => kind !== 'cancel' && (kind !== 'postgres' || values.store === 'postgres'));
const options = Options.parse({
  ...rest,
  events: kills,
  kinds: kinds?.split(',') ?? usual,
  maxInFlight,
  latencyMs: latency,
});

const reports: ({ seed: number } & ChaosReport)[] = [];
for (let run = 0; run < whole.parse(values.runs); run++) {
  const seed = whole.parse(values.seed) + run;
  const report = await runChaos({ ...options, seed, onNote: (text) => note(`  ${text}`) });
  reports.push({ seed, ...report });
  note(describe(seed, report));
}
if (values.json) console.log(JSON.stringify(reports, null, 2));
process.exitCode = reports.some(({ problems }) => problems.length > 0) ? 1 : 0;

function describe(seed: number, report: ChaosReport): string {
  const { status, error, ms, counts, events, received, twice, mayBeTwice, mayBeUnknown, problems } = report;
  const waits = events.flatMap(({ resumedMs }) => resumedMs ?? []);
  const slowest = waits.length === 0 ? 'never had to' : `${(Math.max(...waits) / 1000).toFixed(1)} s at the most`;
  return [
    `seed ${seed}: ${events.length} events in ${(ms / 1000).toFixed(0)} s; going on again took ${slowest}`,
    `  ${status}${error ? `: ${error}` : ''}`,
    `  ${counts.read} rows: ${counts.delivered} delivered, ${counts.rejected} rejected, ${counts.failed} failed, ` +
      `${counts.unknown} unknown (${mayBeUnknown} may be), ${counts.not_attempted} not attempted; ${received} received; ` +
      `${twice} applied twice (${mayBeTwice} may be)`,
    ...problems.slice(0, 20).map((problem) => `  WRONG: ${problem}`),
    problems.length === 0 ? '  every row is accounted for' : `  ${problems.length} things are wrong`,
  ].join('\n');
}

function note(text: string): void {
  process.stderr.write(`${text}\n`);
}
