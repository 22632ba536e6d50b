/** `upriver run` and what looks at runs: exit codes, the JSON document, rows in three formats, dry runs, detaching. */
import { afterAll, beforeAll, jest } from '@jest/globals';
import type { RunResult } from '../../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { dealsProject, makeProject, type TestProject } from './helpers.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const TOKEN = { HUBSPOT_TOKEN: 'practice' };
let hubspot: Sandbox;

beforeAll(async () => {
  hubspot = await startSandbox({ deals: 8, limits: null });
});
afterAll(() => hubspot.stop());

/** Deals 9 and 10 are not in HubSpot. */
const project = (loop?: string): Promise<TestProject> =>
  makeProject(dealsProject(hubspot.url, { rows: 10, loop }), TOKEN);

test('a run that succeeds: exit code 0, the document alone on stdout', async () => {
  await using deals = await makeProject(dealsProject(hubspot.url, { rows: 8 }), TOKEN);
  const ended = await deals.upriver('run', 'deals', '--input', 'add=7', '--json');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  const rows = {
    read: 8,
    delivered: 8,
    unchanged: 0,
    skipped: 0,
    rejected: 0,
    failed: 0,
    unknown: 0,
    not_attempted: 0,
  };
  const run = JSON.parse(ended.stdout) as RunResult;
  expect(run).toMatchObject({
    run_id: expect.stringMatching(/^deals-\d{8}T\d{6}-\w{4}$/),
    workflow_id: run.run_id,
    river: 'deals',
    status: 'succeeded',
    started_at: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
    duration_ms: expect.any(Number),
    steps: [
      { id: 'read', type: 'sql', status: 'succeeded', attempts: 1, duration_ms: expect.any(Number) },
      {
        id: 'each',
        type: 'loop',
        status: 'succeeded',
        attempts: 1,
        duration_ms: expect.any(Number),
        rows,
        requests: 8,
      },
    ],
    rows,
    error: null,
  });
  expect(hubspot.deal('3').properties).toMatchObject({ amount: '10' });

  const shown = await deals.upriver('show', 'last', '--json');
  expect(JSON.parse(shown.stdout)).toEqual(run);
  const listed = await deals.upriver('runs', 'deals', '--json');
  expect(JSON.parse(listed.stdout)).toEqual({ runs: [run] });
});

test('rows refused within what is tolerated: exit code 3; the rows in three formats', async () => {
  await using deals = await project('tolerate: 2');
  const ended = await deals.upriver('run', 'deals');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 3, stderr: '' });
  expect(ended.stdout).toMatch(/each: started/);
  expect(ended.stdout).toMatch(/upriver rows deals-\S+ --outcome rejected/);

  const table = await deals.upriver('rows', 'last', '--outcome', 'rejected,failed');
  expect(table.stdout.split('\n').filter((line) => /each +(9|10) +(9|10) +rejected .* 404 /.test(line))).toHaveLength(
    2,
  );

  const csv = (await deals.upriver('rows', 'last', '--format', 'csv')).stdout.trim().split('\r\n');
  expect(csv[0]).toBe('step,row,key,outcome,code,http_status,attempts,message,excerpt,values');
  expect(csv).toHaveLength(11);
  expect(csv[10]).toMatch(/^each,10,10,rejected,\w+,404,1,/);
  expect(csv[1]).toBe('each,1,1,delivered,,,,,,"{""deal_id"":1,""amount"":2}"');

  const json = JSON.parse((await deals.upriver('rows', 'last', '--format', 'json', '--outcome', 'rejected')).stdout);
  expect(json).toHaveLength(2);
  expect(json[0]).toMatchObject({
    step: 'each',
    row: 9,
    key: [9],
    outcome: 'rejected',
    http_status: 404,
    attempts: 1,
    values: { deal_id: 9, amount: 10 },
  });
  const none = await deals.upriver('rows', 'last', '--json', '--outcome', 'failed,not_attempted');
  expect(JSON.parse(none.stdout)).toEqual([]);
  const limited = await deals.upriver('rows', 'last', '--limit', '3');
  expect(limited.stdout).toContain('--limit');
  expect(limited.stdout.match(/delivered/g)).toHaveLength(3);
});

test('more refused than tolerated: exit code 1, every row attempted all the same', async () => {
  await using deals = await project('tolerate: 1');
  const ended = await deals.upriver('run', 'deals', '--json');
  expect(ended.code).toBe(1);
  expect(JSON.parse(ended.stdout)).toMatchObject({
    status: 'failed',
    rows: { read: 10, delivered: 8, rejected: 2 },
    error: { code: expect.any(String) },
  });
});

test('a missing secret fails the run and says which', async () => {
  await using deals = await makeProject(dealsProject(hubspot.url, { rows: 2 }));
  const ended = await deals.upriver('run', 'deals');
  expect(ended.code).toBe(1);
  expect(ended.stderr).toMatch(/CONFIG_SECRET_MISSING .*HUBSPOT_TOKEN[^\n]*\n {2}→ /);
});

test('--dry-run sends nothing, and says what it would send', async () => {
  await using deals = await project();
  const before = hubspot.state().requests;
  const ended = await deals.upriver('run', 'deals', '--dry-run', '--json');
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
  const { dry_run: report } = JSON.parse(ended.stdout) as RunResult;
  expect(report).toMatchObject({ rows: 10, requests: 10 });
  expect(report?.samples[0]).toMatchObject({ method: 'PATCH', url: `${hubspot.url}/crm/v3/objects/deals/1` });
  expect(ended.stdout).not.toContain('practice');
  expect(hubspot.state().requests).toBe(before);
});

test('--detach needs a host', async () => {
  await using deals = await project();
  const ended = await deals.upriver('run', 'deals', '--detach');
  expect(ended.code).toBe(5);
  expect(ended.stderr).toMatch(/CONFIG_NO_HOST .*\n.*upriver dev/);
});

test('dev hosts: others start runs there, detached or watched; it ends by Ctrl-C with 0', async () => {
  await using deals = await project('tolerate: 2');
  const files = dealsProject(hubspot.url, { rows: 10 });
  const onDisk = (files['connections.yaml'] ?? '').replace("':memory:'", 'w.duckdb, create: true');
  await deals.write({ 'connections.yaml': onDisk });
  const dev = deals.start('dev');
  await dev.says(/Temporal UI: +http:\/\/127\.0\.0\.1:\d+/);
  await dev.says('Worker: ');
  const detached = await deals.upriver('run', 'deals', '--detach', '--json');
  expect(detached.code).toBe(0);
  const { run_id, status } = JSON.parse(detached.stdout) as { run_id: string; status: string };
  expect(status).toBe('running');
  await dev.says(new RegExp(`${run_id} +partial`));
  const watched = await deals.upriver('run', 'deals');
  expect(watched.code).toBe(3);
  expect(watched.stdout).toMatch(/http:\/\/127\.0\.0\.1:\d+\/namespaces\/default\/workflows\/deals-/);
  const tested = await deals.upriver('connections', 'test', 'warehouse');
  expect(tested).toMatchObject({ code: 0, stdout: expect.stringContaining("which runs this project's rivers") });
  const second = await deals.upriver('dev');
  expect(second.code).toBe(2);
  expect(second.stderr).toContain('CONFIG_ALREADY_HOSTED');
  dev.child.kill('SIGINT');
  expect((await dev.ended).code).toBe(0);
});

test('connections test logs in to each', async () => {
  await using deals = await project();
  const ended = await deals.upriver('connections', 'test', '--json');
  expect(ended.code).toBe(0);
  const { connections } = JSON.parse(ended.stdout) as { connections: { connection: string; ok: boolean }[] };
  expect(connections.map(({ connection, ok }) => [connection, ok])).toEqual([
    ['warehouse', true],
    ['hubspot', true],
  ]);
  const nobody = await makeProject(dealsProject('http://127.0.0.1:1', { rows: 1 }), TOKEN);
  await using _ = nobody;
  const refused = await nobody.upriver('connections', 'test', 'hubspot');
  expect(refused.code).toBe(1);
  expect(refused.stdout).toContain('REMOTE_UNREACHABLE');
});

test('retry sends the rows that did not get through, and only those; a percentage tolerated is of the rows at first', async () => {
  await using other = await startSandbox({ deals: 8, limits: null });
  await using deals = await makeProject(dealsProject(other.url, { rows: 10, loop: 'tolerate: 20%' }), TOKEN);
  expect((await deals.upriver('run', 'deals')).code).toBe(3);
  const before = other.state().requests;
  other.seed({ first: 9, count: 1 });
  const retried = await deals.upriver('retry', 'last', '--json');
  expect(retried.code).toBe(3);
  const run = JSON.parse(retried.stdout) as RunResult;
  expect(run.steps.map(({ id }) => id)).toEqual(['each']);
  expect(run.rows).toMatchObject({ read: 2, delivered: 1, rejected: 1 });
  expect(other.state().requests).toBe(before + 2);
  const again = await deals.upriver('retry', 'last', '--json');
  expect(again.code).toBe(3);
  expect((JSON.parse(again.stdout) as RunResult).rows).toMatchObject({ read: 1, rejected: 1 });
});

test('an API that is away: the run says what it waits for, and goes on when it is back', async () => {
  await using other = await startSandbox({ deals: 10, limits: null });
  await using deals = await makeProject(dealsProject(other.url, { rows: 10 }), TOKEN);
  await other.stop();
  const run = deals.start('run', 'deals');
  await run.says(/each: 0 of 10 rows.*out of reach: .*ECONNREFUSED/);
  await other.start();
  const ended = await run.ended;
  expect(ended.code).toBe(0);
  expect(ended.stdout).toContain('delivered 10');
});
