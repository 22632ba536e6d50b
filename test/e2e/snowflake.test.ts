/** The walkthrough with its SQL unchanged on Snowflake (the double), through the real command line. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterAll, beforeAll, beforeEach, jest } from '@jest/globals';
import type { RunResult } from '../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../src/sandbox/index.ts';
import { openStore } from '../../src/state/index.ts';
import { type SnowflakeDouble, startSnowflake } from '../doubles/snowflake/server.ts';
import { makeProject, type TestProject, until } from './cli/helpers.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const EXAMPLE = join(import.meta.dirname, '..', '..', 'examples', 'trial-deals');
const FILES = ['rivers/trial-deals.yaml', 'actions/hubspot-deal-update.yaml', 'sql/usage.sql', 'sql/shape.sql'];
/** Four of the 500 deals are not in HubSpot. */
const PARTIAL = 3;

let hubspot: Sandbox;
let snowflake: SnowflakeDouble;

beforeAll(async () => {
  hubspot = await startSandbox({ deals: 620, firstId: 7_000_000_001, limits: null });
});
afterAll(() => hubspot.stop());

beforeEach(async () => {
  snowflake = await startSnowflake();
  await snowflake.seed(await example('sql/seed.sql'));
});
afterEach(() => snowflake[Symbol.asyncDispose]());

const example = (file: string) => readFile(join(EXAMPLE, file), 'utf8');

const ENV = { SNOWFLAKE_PASSWORD: 'secret', HUBSPOT_TOKEN: 'practice' };
const connections = () => `
warehouse:
  type: snowflake
  account: acme-eu1
  access_url: ${snowflake.url}
  username: UPRIVER
  password: { env: SNOWFLAKE_PASSWORD }
  warehouse: WH
  database: INTERNAL
  role: LOADER
hubspot:
  type: hubspot
  base_url: ${hubspot.url}
  auth: { type: bearer, token: { env: HUBSPOT_TOKEN } }
  limits: [{ requests: 10000, per: 10s }]
`;

const NUMBERS = {
  'rivers/numbers.yaml': `
name: numbers
variables:
  numbers: { multiple: true }
steps:
  - id: read
    type: sql
    connection: warehouse
    query: select row_number() over (order by seq8()) - 1 as n from table(generator(rowcount => 60000))
    target: { variable: numbers }
`,
};

async function walkthrough(): Promise<TestProject> {
  const files = await Promise.all(FILES.map(async (file) => [file, await example(file)] as const));
  return makeProject({ ...Object.fromEntries(files), 'connections.yaml': connections() }, ENV);
}

const stateFile = ({ dir }: TestProject) => join(dir, '.upriver', 'state.db');

/** The project's only one, published or not. */
function rowset(project: TestProject): { id: string; chunks: number } {
  using state = new DatabaseSync(stateFile(project), { readOnly: true });
  const chunks = '(SELECT count(*) FROM rowset_chunks WHERE rowset = rowsets.num) AS chunks';
  return state.prepare(`SELECT id, ${chunks} FROM rowsets`).get() as { id: string; chunks: number };
}

async function rowsOf(project: TestProject): Promise<string[]> {
  await using store = await openStore({ path: stateFile(project) });
  const { id } = rowset(project);
  const { chunkStarts } = (await store.getRowset(id)) ?? { chunkStarts: [] };
  const chunks = await Promise.all(chunkStarts.map((_, chunk) => store.readChunk(id, chunk)));
  return chunks.flatMap(({ rows }) => rows);
}

test('every deal of the walkthrough is updated; each statement runs once', async () => {
  await using project = await walkthrough();
  const ended = await project.upriver('run', 'trial-deals', '--json');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: PARTIAL, stderr: '' });
  const run = JSON.parse(ended.stdout) as RunResult;
  expect(run.rows).toMatchObject({ read: 500, delivered: 496, rejected: 4 });
  expect(hubspot.deal('7000000002').properties).toMatchObject({ rivery_num_of_rivers: '2' });
  const usage = snowflake.executions.filter(({ sql }) => /inner join/.test(sql));
  expect(usage).toHaveLength(1);
  expect(JSON.parse(usage[0]?.tag ?? '')).toEqual({ run: run.run_id, river: 'trial-deals', step: 'usage' });
  expect(snowflake.ran(/object_construct/)).toHaveLength(1);

  const locked = { kind: 'refuse', code: '000625', message: 'The lock did not come.' } as const;
  snowflake.fault({ route: 'query', times: 1, sql: /inner join/, act: locked });
  const again = await project.upriver('run', 'trial-deals', '--json');
  expect(JSON.parse(again.stdout).rows).toMatchObject({ read: 500, unchanged: 496, rejected: 4 });
  // Another run, and another try: other requests, or Snowflake would answer with the one before.
  const requests = snowflake.log.filter(({ sql }) => sql && /inner join/.test(sql)).map(({ requestId }) => requestId);
  expect(requests).toHaveLength(3);
  expect(new Set(requests).size).toBe(3);
});

test('kill -9 while Snowflake works: the next process takes the statement over', async () => {
  await using project = await walkthrough();
  const held = snowflake.hold(/inner join/);
  const first = project.start('run', 'trial-deals', '--json');
  // So many looks take two seconds: time for a heartbeat to leave with the query's id.
  await until(() => snowflake.log.filter(({ route }) => route === 'status').length >= 10);
  first.child.kill('SIGKILL');
  await first.ended;
  const second = project.start('run', 'trial-deals', '--json');
  const seen = snowflake.sessions.length;
  await until(() => snowflake.sessions.length > seen);
  await held.release();
  const ended = await second.ended;
  expect(ended.code).toBe(PARTIAL);
  expect(JSON.parse(ended.stdout).rows).toMatchObject({ read: 500, rejected: 4 });
  expect(snowflake.ran(/inner join/)).toHaveLength(1);
});

test('kill -9 in the middle of reading: the next process goes on where the first one stopped', async () => {
  await using project = await makeProject({ 'connections.yaml': connections(), ...NUMBERS }, ENV);
  const silence = Promise.withResolvers<void>();
  const never = { kind: 'silence', until: silence.promise } as const;
  snowflake.fault({ route: 'chunk', after: 3, times: Number.POSITIVE_INFINITY, act: never });
  const first = project.start('run', 'numbers', '--json');
  await until(() => snowflake.log.some(({ piece }) => piece === 3));
  // Of the 30,000 rows that came, the last 5,000 wait for one more.
  await until(() => rowset(project).chunks === 5);
  first.child.kill('SIGKILL');
  await first.ended;
  silence.resolve();
  const before = snowflake.log.length;
  expect(await project.upriver('run', 'numbers', '--json')).toMatchObject({ code: 0 });
  const pieces = snowflake.log.slice(before).filter(({ route }) => route === 'chunk');
  expect(pieces.map(({ piece }) => piece)).toEqual([2, 3, 4, 5]);
  expect(snowflake.ran(/generator/)).toHaveLength(1);
  expect(await rowsOf(project)).toEqual(Array.from({ length: 60_000 }, (_, n) => `[${n}]`));
});

test('kill -9 before Snowflake has answered: its request is known, and runs once', async () => {
  await using project = await walkthrough();
  snowflake.fault({
    route: 'query',
    times: 1,
    sql: /inner join/,
    act: { kind: 'silence', until: new Promise(() => {}) },
  });
  const first = project.start('run', 'trial-deals', '--json');
  const sent = () => snowflake.log.filter(({ sql }) => sql && /inner join/.test(sql));
  await until(() => sent().length > 0);
  first.child.kill('SIGKILL');
  await first.ended;
  const ended = await project.upriver('run', 'trial-deals', '--json');
  expect(ended.code).toBe(PARTIAL);
  expect(JSON.parse(ended.stdout).rows).toMatchObject({ read: 500, rejected: 4 });
  expect(sent()).toHaveLength(2);
  expect(sent()[1]?.requestId).toBe(sent()[0]?.requestId);
  expect(snowflake.ran(/inner join/)).toHaveLength(1);
});

test('what `connections test` says, and of a wrong password', async () => {
  await using project = await walkthrough();
  const fine = await project.upriver('connections', 'test', 'warehouse');
  expect(fine.code).toBe(0);
  expect(fine.stdout).toMatch(/Snowflake 9\.99\.0/);
  expect(fine.stdout).toMatch(/LOADER/);
  project.env.SNOWFLAKE_PASSWORD = 'wrong';
  const refused = await project.upriver('connections', 'test', 'warehouse');
  expect(refused.code).not.toBe(0);
  expect(refused.stdout + refused.stderr).toMatch(/AUTH_WAREHOUSE/);
});
