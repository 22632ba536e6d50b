/** DuckDB's files: missing, made, attached, held by someone else. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readdirSync } from 'node:fs';
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

const options = { signal: new AbortController().signal, timeoutMs: null, tag: { run: 'r', river: 'r', step: 's' } };

async function read(warehouse: Warehouse, sql: string): Promise<string[]> {
  await using session = await warehouse.session();
  await using result = await session.query({ sql: [sql], values: {} }, options);
  return (await Array.fromAsync(result.batches())).flat();
}

async function script(warehouse: Warehouse, sql: string): Promise<void> {
  await using session = await warehouse.session();
  await session.script({ sql: [sql], values: {} }, options);
}

test('create: false: a missing file is an error that names it, and is not made', async () => {
  const file = join(projectDir, 'gone.duckdb');
  const missing = {
    code: 'CONFIG_DUCKDB_MISSING',
    message: expect.stringContaining(file),
    hint: expect.stringContaining('create: false'),
  };
  await expect(open({ path: 'gone.duckdb', create: false })).rejects.toMatchObject(missing);
  const attached = { path: ':memory:', attach: { INTERNAL: 'gone.duckdb' }, create: false };
  await expect(open(attached)).rejects.toMatchObject(missing);
  expect(existsSync(file)).toBe(false);
});

test('missing files are made, missing folders are not', async () => {
  const config = { path: 'wh.duckdb', attach: { INTERNAL: 'internal.duckdb', "it's": "o'ther.duckdb" } };
  await using first = await open(config);
  await using second = await open({ ...config, create: true });
  await script(first, 'create table INTERNAL.main.t as select 1 as a');
  expect(await read(second, 'select * from "internal"."main"."T"')).toEqual(['[1]']);
  expect(await second.check()).toMatchObject({
    attached: "INTERNAL, it's",
    database: 'wh',
    file: join(projectDir, 'wh.duckdb'),
  });
  for (const wrong of [{ path: 'no/wh.duckdb' }, { path: ':memory:', attach: { A: 'no/wh.duckdb' }, create: true }]) {
    await expect(open(wrong)).rejects.toMatchObject({
      code: 'CONFIG_DUCKDB_MISSING',
      hint: expect.stringContaining(`make the folder ${join(projectDir, 'no')}`),
    });
  }
});

test('a table that is not there, in a file that is new or empty: is the path right?', async () => {
  await script(await open({ path: 'full.duckdb' }), 'create table t as select 1 as a');
  await (await open({ path: 'empty.duckdb' }))[Symbol.asyncDispose]();
  await using warehouse = await open({ path: 'full.duckdb', attach: { E: 'empty.duckdb', N: 'new.duckdb' } });
  await script(warehouse, 'create table N.main.made_by_the_river as select 1 as a');
  const isPathRight = (name: string, key: string) =>
    `${join(projectDir, name)} is new or empty: is \`${key}\` in connections.yaml right?`;
  const questions = `${isPathRight('empty.duckdb', 'attach.E')} ${isPathRight('new.duckdb', 'attach.N')}`;
  const unknown = { code: 'RIVER_SQL_ERROR', hint: expect.stringMatching(/^Check the name\./) };
  for (const sql of ['select * from typo', 'select * from E.S.typo']) {
    const failed = await read(warehouse, sql).catch((error) => error);
    expect(failed).toMatchObject(unknown);
    expect(failed.hint).toContain(questions);
    expect(failed.hint).not.toContain('full.duckdb');
  }
  const scripted = await script(warehouse, 'begin;\n drop table typo').catch((error) => error);
  expect(scripted).toMatchObject({ ...unknown, context: {} });
  expect(scripted.hint).toContain(questions);
  const other = await read(warehouse, 'select typo from t').catch((error) => error);
  expect(other.hint).not.toContain('empty.duckdb');
});

test('a look only: says what is not there yet, and makes nothing', async () => {
  const config = { path: 'later.duckdb', attach: { INTERNAL: 'internal.duckdb' } };
  await using looked = await openWarehouse('duckdb', { name: 'wh', projectDir, config, makesNothing: true });
  const file = join(projectDir, 'later.duckdb');
  const facts = await looked.check();
  expect(facts).toMatchObject({
    file,
    attached: 'INTERNAL',
    'not there yet': `${file}, ${join(projectDir, 'internal.duckdb')}: made when a river needs it`,
  });
  expect(facts).not.toHaveProperty('database');
  expect(readdirSync(projectDir)).toEqual([]);
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
  await (await open({ path: 'wh.duckdb' }))[Symbol.asyncDispose]();
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
  await using holder = await open({ path: ':memory:', attach: { A: 'shared.duckdb' } });
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
