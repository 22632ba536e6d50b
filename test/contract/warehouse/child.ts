/** A process of its own for the warehouse contract: what it does is measured, or killed in the middle. Its stdin is the context. */
import { readFile } from 'node:fs/promises';
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { TableTarget, WarehouseType } from '../../../src/contracts/plan.ts';
import type { Row } from '../../../src/core/values.ts';
import { openWarehouse, type StatementOptions, type WarehouseContext } from '../../../src/warehouses/index.ts';

const [type, job, ...args] = process.argv.slice(2) as [WarehouseType, string, ...string[]];
await using warehouse = await openWarehouse(type, (await json(process.stdin)) as WarehouseContext);
await using session = await warehouse.session();

const options = (run: string): StatementOptions => ({
  signal: new AbortController().signal,
  timeoutMs: null,
  tag: { run, river: 'river', step: 'step' },
});
const target = (table: string, mode: TableTarget['mode']): TableTarget => ({ kind: 'table', table, mode, key: [] });

if (job === 'stream') await stream(args[0] as string);
if (job === 'half-written') await writeHalf(args[0] as string, args[1] as TableTarget['mode']);
if (job === 'appended') await append(args[0] as string, args[1] as string);

/** Counts a query's rows; prints them and the process's peak memory in MB. */
async function stream(sql: string): Promise<void> {
  let rows = 0;
  await using result = await session.query({ sql: [sql], values: {} }, options('stream'));
  for await (const batch of result.batches()) rows += batch.length;
  console.log(`rows ${rows}`);
  console.log(`peak ${Math.round((await peakKilobytes()) / 1024)}`);
}

/** Linux counts what the parent had when it forked into `maxRSS`, so its own mark is read there. */
async function peakKilobytes(): Promise<number> {
  const status = await readFile('/proc/self/status', 'utf8').catch(() => '');
  return Number(/^VmHWM:\s*(\d+) kB$/m.exec(status)?.[1] ?? process.resourceUsage().maxRSS);
}

/** Begins to write rows, says so, and never gets to the end. */
async function writeHalf(table: string, mode: TableTarget['mode']): Promise<void> {
  const rows = async function* (): AsyncGenerator<Row> {
    for (let i = 1; i <= 50_000; i += 1) yield [i];
    console.log('half');
    await delay(600_000);
  };
  await session.writeRows({ columns: ['a'], rows: rows() }, target(table, mode), options('half'));
}

/** Appends a row, then waits to be killed before it can tell anyone. */
async function append(table: string, run: string): Promise<void> {
  await session.writeTable({ sql: ['select 1 as a'], values: {} }, target(table, 'append'), options(run));
  console.log('done');
  await delay(600_000);
}
