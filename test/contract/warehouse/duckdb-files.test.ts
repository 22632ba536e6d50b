/** DuckDB's files: missing, made, attached, held by someone else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openWarehouse, type Warehouse } from '../../../src/warehouses/index.ts';

const HOLD = `
  const { DuckDBInstance } = require('@duckdb/node-api');
  DuckDBInstance.create(process.argv[1]).then(() => console.log('held'));
  setInterval(() => {}, 1000);`;

let projectDir: string;
beforeEach(async () => {
  projectDir = await mkdtemp(join(tmpdir(), 'upriver-duckdb-'));
});
afterEach(() => rm(projectDir, { recursive: true }));

const open = (config: Record<string, unknown>) => openWarehouse('duckdb', { name: 'wh', projectDir, config });

async function read(warehouse: Warehouse, sql: string): Promise<string[]> {
  await using session = await warehouse.session();
  const options = { signal: new AbortController().signal, timeoutMs: null, tag: { run: 'r', river: 'r', step: 's' } };
  await using result = await session.query({ sql: [sql], values: {} }, options);
  return (await Array.fromAsync(result.batches())).flat();
}

test('a missing file is an error that names it, and is not made', async () => {
  const file = join(projectDir, 'gone.duckdb');
  const missing = {
    code: 'CONFIG_DUCKDB_MISSING',
    message: expect.stringContaining(file),
    hint: expect.stringContaining('create: true'),
  };
  await expect(open({ path: 'gone.duckdb' })).rejects.toMatchObject(missing);
  await expect(open({ path: ':memory:', attach: { INTERNAL: 'gone.duckdb' } })).rejects.toMatchObject(missing);
  expect(existsSync(file)).toBe(false);
});

test('create: true makes them; the same files opened twice in a process are shared', async () => {
  const config = { path: 'wh.duckdb', attach: { INTERNAL: 'internal.duckdb', "it's": "o'ther.duckdb" } };
  await using first = await open({ ...config, create: true });
  await using second = await open(config);
  await using session = await first.session();
  const options = { signal: new AbortController().signal, timeoutMs: null, tag: { run: 'r', river: 'r', step: 's' } };
  await session.script({ sql: ['create table INTERNAL.main.t as select 1 as a'], values: {} }, options);
  expect(await read(second, 'select * from "internal"."main"."T"')).toEqual(['[1]']);
  expect(await second.check()).toMatchObject({
    attached: "INTERNAL, it's",
    database: 'wh',
    file: join(projectDir, 'wh.duckdb'),
  });
});

test('databases in memory are apart from each other', async () => {
  await using one = await open({ path: ':memory:', attach: { INTERNAL: ':memory:' } });
  await using other = await open({ path: ':memory:' });
  expect(await read(one, "select count(*) from duckdb_databases() where database_name = 'INTERNAL'")).toEqual(['[1]']);
  expect(await read(other, "select count(*) from duckdb_databases() where database_name = 'INTERNAL'")).toEqual([
    '[0]',
  ]);
});

test('a file that another process holds: who holds it, and what to do', async () => {
  await (await open({ path: 'wh.duckdb', create: true }))[Symbol.asyncDispose]();
  const file = join(projectDir, 'wh.duckdb');
  const holder = spawn(process.execPath, ['-e', HOLD, file], { stdio: ['ignore', 'pipe', 'inherit'] });
  await once(holder.stdout, 'data');
  try {
    for (const config of [{ path: 'wh.duckdb' }, { path: ':memory:', attach: { A: 'wh.duckdb' } }]) {
      await expect(open(config)).rejects.toMatchObject({
        code: 'CONFIG_DUCKDB_LOCKED',
        message: expect.stringMatching(new RegExp(`process ${holder.pid} `)),
        hint: expect.stringContaining('Close the other program'),
        context: { file, pid: holder.pid },
        retry: true,
      });
    }
  } finally {
    holder.kill('SIGKILL');
    await once(holder, 'exit');
  }
  await using free = await open({ path: 'wh.duckdb' });
  expect(await read(free, 'select 1')).toEqual(['[1]']);
});

test('a file that another connection of this process has attached', async () => {
  await using holder = await open({ path: ':memory:', attach: { A: 'shared.duckdb' }, create: true });
  await expect(open({ path: 'shared.duckdb' })).rejects.toMatchObject({
    code: 'CONFIG_DUCKDB_LOCKED',
    hint: expect.stringContaining('attach'),
  });
  expect(await read(holder, 'select 1')).toEqual(['[1]']);
});

test('a file that is no DuckDB file', async () => {
  await expect(open({ path: import.meta.filename })).rejects.toMatchObject({ code: 'CONFIG_DUCKDB_FILE' });
});

test('extensions are not downloaded', async () => {
  await using warehouse = await open({ path: ':memory:' });
  await expect(read(warehouse, "select * from read_parquet('https://localhost:1/x.parquet')")).rejects.toMatchObject({
    code: 'RIVER_SQL_ERROR',
    hint: expect.stringContaining('does not download extensions'),
  });
});
