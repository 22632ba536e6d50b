/** `npm run bench`: a table of what is measured and what is wanted; `--json FILE` keeps the figures, `--quick` takes minutes. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import type { WarehouseContext } from '../src/warehouses/index.ts';
import { startPostgres } from '../test/helpers/postgres.ts';
import { bareCursor, bareStreamRows, type ExtractResult, extract, fillSource } from './extract.ts';
import { type LimitsCase, limitUse } from './limits.ts';
import { coldRun, warmRun } from './overhead.ts';
import { startRig } from './rig.ts';
import { scale } from './scale.ts';
import { type Line, median, toTable } from './table.ts';
import { throughput } from './throughput.ts';

const SECTIONS = { throughput: sending, limits, overhead, scale: scaling, extraction };
type Section = keyof typeof SECTIONS;

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    json: { type: 'string' },
    /** Only these, by comma: throughput, limits, overhead, scale, extraction. */
    only: { type: 'string', default: Object.keys(SECTIONS).join(',') },
  },
});
const { quick } = values;
const lines: Line[] = [];

for (const name of values.only.split(',')) {
  const section = SECTIONS[name as Section];
  if (!section) throw new Error(`there is no section ${name}: ${Object.keys(SECTIONS).join(', ')}`);
  await section();
}
console.log(toTable(lines));
console.log(`${availableParallelism()} cores, Node ${process.versions.node}`);
if (values.json) await writeFile(values.json, `${JSON.stringify(lines, null, 2)}\n`);

function note(line: Line): void {
  lines.push(line);
  process.stderr.write(`${line.what}: ${line.measured}\n`);
}

async function sending(): Promise<void> {
  await using rig = await startRig();
  const pairs = quick ? 1 : 3;
  const size = quick ? 0.2 : 1;
  for (const maxInFlight of [10, 50]) {
    for (const [latencyMs, wanted] of [
      [0, 0.75],
      [5, 0.95],
      [50, 0.95],
    ] as const) {
      const perSecond = latencyMs === 0 ? 12_000 : (maxInFlight * 1_000) / latencyMs;
      const rows = Math.round(Math.min(perSecond, 12_000) * 10 * size);
      const { upriver, plain, ratio } = await throughput(rig, { rows, latencyMs, maxInFlight, pairs });
      const what = `one request a row, ${latencyMs} ms latency, ${maxInFlight} in flight`;
      const measured = `${upriver} rows/s, plain loop ${plain}: ${ratio.toFixed(2)} ×`;
      const promised = maxInFlight === 50;
      const holds = promised ? ratio >= wanted : null;
      note({ what, measured, wanted: promised ? `≥ ${wanted} ×` : '', holds, data: { upriver, plain, ratio, rows } });
    }
  }
  for (const latencyMs of [0, 50]) {
    const rows = Math.round((latencyMs === 0 ? 1_000_000 : 200_000) * (quick ? 0.1 : 1));
    const { upriver, plain, ratio } = await throughput(rig, { rows, latencyMs, maxInFlight: 10, batch: 100, pairs });
    const measured = `${upriver} rows/s, plain loop ${plain}: ${ratio.toFixed(2)} ×`;
    const data = { upriver, plain, ratio, rows };
    note({ what: `batches of 100, ${latencyMs} ms latency`, measured, wanted: '≥ 0.8 ×', holds: ratio >= 0.8, data });
  }
}

async function limits(): Promise<void> {
  const windows = quick ? 2 : 6;
  const [none, wide] = [
    { minMs: 0, maxMs: 0 },
    { minMs: 20, maxMs: 300 },
  ];
  const cases: (LimitsCase & { workers: number })[] = [
    { workers: 1, rivers: 1, windows, latency: none },
    { workers: 2, rivers: 1, windows, latency: none },
    { workers: 2, rivers: 2, windows, latency: none },
    { workers: 2, rivers: 2, windows, latency: wide },
  ];
  for (const { workers, ...given } of cases) {
    await using rig = await startRig(workers);
    const use = await limitUse(rig, given);
    const what = `190 in 10 s: ${workers} workers, ${given.rivers} rivers, ${given.latency.minMs}–${given.latency.maxMs} ms`;
    const measured = `${(use.used * 100).toFixed(1)} % used, ${use.over} over, ${use.limited} × 429`;
    const holds = use.used >= 0.97 && use.over === 0 && use.limited === 0;
    note({ what, measured, wanted: '≥ 97 %, none over', holds, data: { ...use, workers, ...given } });
  }
}

async function overhead(): Promise<void> {
  await using rig = await startRig();
  const warmMs = await warmRun(rig, quick ? 5 : 21);
  note({
    what: 'a warm trivial river',
    measured: `${Math.round(warmMs)} ms`,
    wanted: '< 500 ms',
    holds: warmMs < 500,
    data: { warmMs },
  });
  const coldMs = await coldRun();
  const measured = `${(coldMs / 1_000).toFixed(1)} s`;
  note({ what: 'a cold run, all embedded', measured, wanted: '< 15 s', holds: coldMs < 15_000, data: { coldMs } });
}

async function scaling(): Promise<void> {
  for (const rows of quick ? [1_000, 100_000] : [1_000, 10_000, 100_000, 1_000_000]) {
    const found = await scale({ rows, maxInFlight: 10, batch: 100 });
    const { rowsPerSecond, peakMemory, historyEvents, stateBytesPerRow } = found;
    const measured =
      `${rowsPerSecond} rows/s, worker ${peakMemory === null ? '?' : Math.round(peakMemory)} MB, ` +
      `${historyEvents} events, state ${stateBytesPerRow.toFixed(1)} B/row`;
    const holds = (peakMemory ?? 0) < 400 && historyEvents < 4_000;
    note({ what: `${rows} rows in batches of 100`, measured, wanted: '< 400 MB, < 4,000 events', holds, data: found });
  }
}

async function extraction(): Promise<void> {
  const projectDir = await mkdtemp(join(tmpdir(), 'upriver-bench-'));
  const duckdb = { name: 'bench', projectDir, config: { path: 'source.duckdb', create: true } };
  await extractFrom('duckdb', { context: duckdb, wanted: { rowsPerSecond: 250_000 } });
  await rm(projectDir, { recursive: true });
  const postgres = await startPostgres();
  const url = await postgres.freshDatabase();
  const context = { name: 'bench', projectDir: '.', config: { url } };
  await extractFrom('postgres', {
    context,
    wanted: { rowsPerSecond: 150_000, ratio: 0.7 },
    bare: () => bareCursor(url),
  });
  await postgres.stop();
  await extractFromSnowflake();
}

/** The double is a process of its own, as Snowflake is. */
async function extractFromSnowflake(): Promise<void> {
  const file = join(import.meta.dirname, 'snowflake-double.ts');
  const double = spawn(process.execPath, [file], { stdio: ['pipe', 'pipe', 'inherit'] });
  const [access_url] = (await once(createInterface(double.stdout), 'line')) as [string];
  const login = { account: 'double', access_url, username: 'UPRIVER', password: 'secret' };
  const place = { warehouse: 'WH', database: 'INTERNAL', schema: 'PUBLIC' };
  const context = { name: 'bench', projectDir: '.', config: { ...login, ...place } };
  await extractFrom('snowflake', { context, wanted: { ratio: 0.8 }, bare: () => bareStreamRows(context) });
  double.stdin.end();
  await once(double, 'exit');
}

interface Extraction {
  context: WarehouseContext;
  /** Either will do. */
  wanted: { rowsPerSecond?: number; ratio?: number };
  /** The yardstick, in the same process by turns. */
  bare?: () => Promise<ExtractResult>;
}

async function extractFrom(type: 'duckdb' | 'postgres' | 'snowflake', { context, wanted, bare }: Extraction) {
  await fillSource(type, context, quick ? 200_000 : 1_000_000);
  const pairs: { ours: ExtractResult; bare: ExtractResult | null }[] = [];
  for (let pair = 0; pair < (quick ? 1 : 3); pair += 1) {
    pairs.push({ ours: await extract(type, context), bare: (await bare?.()) ?? null });
  }
  const speed = median(pairs.map(({ ours }) => ours.rowsPerSecond));
  const ratio = median(pairs.map((each) => each.ours.rowsPerSecond / (each.bare?.rowsPerSecond ?? Number.NaN)));
  const per = (count: number) => `${Math.round(count)} rows/s`;
  const { rowsPerSecond: least = Number.POSITIVE_INFINITY, ratio: share = Number.POSITIVE_INFINITY } = wanted;
  const wishes = [wanted.rowsPerSecond && `≥ ${per(wanted.rowsPerSecond)}`, wanted.ratio && `≥ ${wanted.ratio} ×`];
  note({
    what: `${type} into a rowset`,
    measured: per(speed) + (bare ? `: ${ratio.toFixed(2)} × the bare loop` : ''),
    wanted: wishes.filter(Boolean).join(' or '),
    holds: speed >= least || ratio >= share,
    data: pairs,
  });
}
