/** A process that works on Snowflake and says how far it is, to be killed in the middle. Its stdin is the context. */
import { json } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import type { TableTarget } from '../../../src/contracts/plan.ts';
import { openWarehouse, type StatementOptions, type WarehouseContext } from '../../../src/warehouses/index.ts';

const [job, sql, table] = process.argv.slice(2) as ['query' | 'script' | TableTarget['mode'], string, string];
const options: StatementOptions = {
  signal: new AbortController().signal,
  timeoutMs: null,
  tag: { run: 'killed', river: 'river', step: 'step' },
  work: 'killed',
  onHandle: (handle) => console.log(JSON.stringify(handle)),
};
const statement = { sql: [sql], values: {} };
await using warehouse = await openWarehouse('snowflake', (await json(process.stdin)) as WarehouseContext);
await using session = await warehouse.session();

if (job === 'query') {
  await using result = await session.query(statement, options);
  for await (const batch of result.batches()) {
    console.log(`read ${batch.length}`);
    await delay(600_000);
  }
} else if (job === 'script') {
  await session.script(statement, options);
} else {
  const written = await session.writeTable(statement, { kind: 'table', table, mode: job, key: ['k'] }, options);
  console.log(`wrote ${written.rows}`);
  await delay(600_000);
}
