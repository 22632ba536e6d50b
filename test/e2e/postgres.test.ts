/** The walkthrough on PostgreSQL, the example as it lies there, through the real command line on a real server. */
import { cp } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, jest } from '@jest/globals';
import pg from 'pg';
import type { RunResult } from '../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { type Postgres, startPostgres } from '../helpers/postgres.ts';
import { makeProject, type TestProject } from './cli/helpers.ts';

/** Each command is a process, with a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'trial-deals-postgres');
/** Four of the 500 deals are not in HubSpot. */
const PARTIAL = 3;
/** 40 deleted deals and 80 of paying accounts come after the 500. */
const NEVER_SENT = Array.from({ length: 120 }, (_, index) => String(7_000_000_501 + index));

let server: Postgres;
let hubspot: Sandbox;
let database: string;
let project: TestProject;

beforeAll(async () => {
  server = await startPostgres();
  hubspot = await startSandbox({ deals: 620, firstId: 7_000_000_001, limits: null });
  database = await server.freshDatabase();
  project = await makeProject({}, { PG_URL: database, HUBSPOT_BASE_URL: hubspot.url, HUBSPOT_TOKEN: 'practice' });
  await cp(EXAMPLE, project.dir, { recursive: true });
});
afterAll(async () => {
  await project[Symbol.asyncDispose]();
  await hubspot.stop();
  await server.stop();
});

async function run(river: string, code: number): Promise<RunResult> {
  const ended = await project.upriver('run', river, '--json');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code, stderr: '' });
  return JSON.parse(ended.stdout) as RunResult;
}

async function query(sql: string): Promise<unknown[][]> {
  const client = new pg.Client({ connectionString: database });
  await client.connect();
  try {
    return (await client.query({ text: sql, rowMode: 'array' })).rows;
  } finally {
    await client.end();
  }
}

test('its files are fine, and its connections log in', async () => {
  expect(await project.upriver('validate')).toEqual({
    code: 0,
    stdout: 'Fine: 2 rivers, 1 action, 2 connections.\n',
    stderr: '',
  });
  const tested = await project.upriver('connections', 'test', 'warehouse');
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringMatching(/PostgreSQL \d+/) });
});

test('seeding twice fills the tables once', async () => {
  await run('seed', 0);
  await run('seed', 0);
  expect(
    await query(`select count(*)::int, count(*) filter (where isdeleted)::int, min(deal_id), max(deal_id)
      from ods.hubspot_deals`),
  ).toEqual([[620, 40, '7000000001', '9900000500']]);
  expect(await query('select count(*)::int from ods.river_executions')).toEqual([[5246]]);
});

test('every live deal of a trial account is updated; those that HubSpot has not are rejected; no other is sent', async () => {
  expect((await run('trial-deals', PARTIAL)).rows).toMatchObject({ read: 500, delivered: 496, rejected: 4, failed: 0 });
  expect(hubspot.deal('7000000016').properties).toMatchObject({
    rivery_num_of_rivers: '4',
    rivery_executions: '16',
    rivery_data_sources: '1',
  });
  expect(hubspot.state().deals).toMatchObject({ received: 500, applied: 496 });
  expect(NEVER_SENT.filter((id) => hubspot.deal(id).received > 0)).toEqual([]);
  const { stdout } = await project.upriver('rows', 'last', '--outcome', 'rejected', '--format', 'csv');
  const rejected = stdout.split('\n').map((line) => /9900000\d{3}/.exec(line)?.[0]);
  expect(rejected.filter(Boolean).toSorted()).toEqual(['9900000497', '9900000498', '9900000499', '9900000500']);
});

test('again: nothing changed, nothing is sent but what was rejected', async () => {
  const again = await run('trial-deals', PARTIAL);
  expect(again.rows).toMatchObject({ read: 500, unchanged: 496, delivered: 0, rejected: 4 });
  expect(hubspot.state().deals).toMatchObject({ received: 504, applied: 496 });
});

test('one more execution: its deal alone is sent', async () => {
  await query(`insert into ods.river_executions select rivery_account_id, account_type, 'river-new', 'run-new', 'hubspot', now()
    from ods.river_executions where run_id = 'run-15-0'`);
  expect((await run('trial-deals', PARTIAL)).rows).toMatchObject({ read: 500, unchanged: 495, delivered: 1 });
  expect(hubspot.deal('7000000016').properties).toMatchObject({ rivery_num_of_rivers: '5', rivery_executions: '17' });
});
