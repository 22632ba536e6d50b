/** How fast a query's rows of (id, JSON of three keys) get into a rowset, on DuckDB, PostgreSQL and Snowflake. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import pg from 'pg';
import Cursor from 'pg-cursor';
import type { ConnectionOptions, RowStatement } from 'snowflake-sdk';
import type { TableTarget } from '../src/contracts/plan.ts';
import { openStore } from '../src/state/index.ts';
import { openWarehouse, type StatementOptions, type WarehouseContext } from '../src/warehouses/index.ts';
import { loadSdk } from '../src/warehouses/snowflake/sdk.ts';

const QUERY = 'select id, properties from source';
const SOURCES = {
  duckdb: (rows: number) =>
    `select i as id, json_object('a', i, 'b', 'text ' || i, 'c', i * 1.5) as properties from range(${rows}) as t(i)`,
  postgres: (rows: number) =>
    `select i as id, jsonb_build_object('a', i, 'b', 'text ' || i, 'c', i * 1.5) as properties from generate_series(1, ${rows}) as t(i)`,
  snowflake: (rows: number) =>
    `select seq8() as id, object_construct('a', seq8(), 'b', 'text ' || seq8(), 'c', seq8() * 1.5) as properties from table(generator(rowcount => ${rows}))`,
};

export interface ExtractResult {
  rows: number;
  rowsPerSecond: number;
}

/** Times reading the table that {@link fillSource} has made into a rowset of a fresh SQLite store. */
export async function extract(type: keyof typeof SOURCES, context: WarehouseContext): Promise<ExtractResult> {
  const folder = await mkdtemp(join(tmpdir(), 'upriver-bench-'));
  try {
    await using store = await openStore({ path: join(folder, 'state.sqlite') });
    await using warehouse = await openWarehouse(type, context);
    await using session = await warehouse.session();
    const started = performance.now();
    const writer = await store.writeRowset('rowset', { runId: 'run', columns: ['id', 'properties'] });
    await using result = await session.query({ sql: [QUERY], values: {} }, options());
    for await (const batch of result.batches()) await writer.append(batch);
    const published = await writer.publish();
    return resultOf(published.rows, started);
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The yardstick: pg-cursor alone, 5,000 rows at a time, over the same table. */
export async function bareCursor(url: string): Promise<ExtractResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const started = performance.now();
    const cursor = client.query(new Cursor(QUERY));
    let rows = 0;
    for (let batch = await cursor.read(5_000); batch.length > 0; batch = await cursor.read(5_000)) rows += batch.length;
    return resultOf(rows, started);
  } finally {
    await client.end();
  }
}

/** The yardstick: the driver's `streamRows` alone, numbers and JSON as text, over the same table. */
export async function bareStreamRows({ config }: WarehouseContext): Promise<ExtractResult> {
  const sdk = await loadSdk();
  const { access_url: accessUrl, ...rest } = config;
  const connection = sdk.createConnection({ ...rest, accessUrl } as ConnectionOptions);
  await new Promise<void>((resolve, reject) => connection.connect((error) => (error ? reject(error) : resolve())));
  const started = performance.now();
  const statement = await new Promise<RowStatement>((resolve, reject) => {
    connection.execute({
      sqlText: QUERY,
      streamResult: true,
      fetchAsString: ['Number', 'JSON'],
      complete: (error, done) => (error ? reject(error) : resolve(done)),
    });
  });
  let rows = 0;
  for await (const _ of statement.streamRows()) rows += 1;
  const result = resultOf(rows, started);
  await new Promise<void>((resolve) => connection.destroy(() => resolve()));
  return result;
}

/** A table of so many rows. */
export async function fillSource(type: keyof typeof SOURCES, context: WarehouseContext, rows: number): Promise<void> {
  await using warehouse = await openWarehouse(type, context);
  await using session = await warehouse.session();
  const target: TableTarget = { kind: 'table', table: 'source', mode: 'overwrite', key: [] };
  await session.writeTable({ sql: [SOURCES[type](rows)], values: {} }, target, options());
}

function options(): StatementOptions {
  return {
    signal: new AbortController().signal,
    timeoutMs: null,
    tag: { run: 'bench', river: 'bench', step: 'extract' },
  };
}

function resultOf(rows: number, started: number): ExtractResult {
  return { rows, rowsPerSecond: Math.round(rows / ((performance.now() - started) / 1_000)) };
}
