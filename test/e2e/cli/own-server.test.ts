/** Against a Temporal server of one's own: worker, detach, Ctrl-C that detaches, cancel, schedules. */
import { once } from 'node:events';
import { afterAll, beforeAll, jest } from '@jest/globals';
import { Client, Connection } from '@temporalio/client';
import type { RunResult } from '../../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { dealsProject, makeProject, type Running, type TestProject, until } from './helpers.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const ROWS = 200;
const LATENCY = { minMs: 20, maxMs: 20 };
let server: TestProject;
let address: string;
let hubspot: Sandbox;
let host: Running;

/** Another project's embedded server is a Temporal server like any other. */
beforeAll(async () => {
  hubspot = await startSandbox({ deals: ROWS, limits: null, latency: LATENCY });
  server = await makeProject(dealsProject(hubspot.url, { rows: 1 }));
  host = server.start('dev');
  await host.says('Worker: ');
  const { port } = JSON.parse(await server.read('.upriver/temporal.json')) as { port: number };
  address = `127.0.0.1:${port}`;
}, 180_000);
afterAll(async () => {
  host.child.kill('SIGINT');
  await host.ended;
  await server[Symbol.asyncDispose]();
  await hubspot.stop();
});

async function ownProject(queue: string, river = ''): Promise<TestProject> {
  const files = dealsProject(hubspot.url, { rows: ROWS, loop: 'max_in_flight: 4', river });
  const upriver = `temporal: { address: '${address}', task_queue: ${queue} }\n`;
  return makeProject({ ...files, 'upriver.yaml': upriver }, { HUBSPOT_TOKEN: 'practice' });
}

test('a worker serves runs that others start, detach from and watch; SIGTERM ends it with 0', async () => {
  await using project = await ownProject('first');
  const detached = await project.upriver('run', 'deals', '--detach', '--json');
  expect(detached.code).toBe(0);
  const { run_id: runId } = JSON.parse(detached.stdout) as { run_id: string };

  const worker = project.start('worker');
  await worker.says('Worker ready: task queue first, namespace default');
  const watched = project.start('run', 'deals', '--json', '--input', 'add=2');
  expect((await watched.ended).code).toBe(0);
  const first = await until(async () => {
    const shown = await project.upriver('show', runId, '--json');
    return shown.code === 0 && (JSON.parse(shown.stdout) as { status: string }).status !== 'running' && shown.stdout;
  });
  expect(JSON.parse(first)).toMatchObject({ run_id: runId, status: 'succeeded', rows: { delivered: ROWS } });

  // Terminated in Temporal's UI, a run cannot write down its own end.
  const before = hubspot.state().requests;
  hubspot.set({ latency: { minMs: 1_000, maxMs: 1_000 } });
  const doomed = await project.upriver('run', 'deals', '--detach', '--json');
  const { run_id: doomedId } = JSON.parse(doomed.stdout) as { run_id: string };
  await until(() => hubspot.state().requests > before);
  const connection = await Connection.connect({ address });
  await new Client({ connection }).workflow.getHandle(doomedId).terminate('enough of it');
  await connection.close();
  const shown = JSON.parse((await project.upriver('show', doomedId, '--json')).stdout) as RunResult;
  expect(shown).toMatchObject({
    status: 'cancelled',
    steps: [{ id: 'read' }, { id: 'each', status: 'cancelled' }],
    error: { code: 'REMOTE_RUN_ENDED', message: 'The run was terminated in Temporal: enough of it' },
  });
  expect(shown.rows.not_attempted).toBeGreaterThan(0);
  const ended = await project.upriver('cancel', runId);
  expect({ code: ended.code, stderr: ended.stderr }).toEqual({
    code: 1,
    stderr: `${runId} has ended (succeeded): there is nothing to cancel.\n`,
  });
  hubspot.set({ latency: LATENCY });
  worker.child.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('without a worker the run waits, and says so; Ctrl-C detaches; cancel waits for nobody', async () => {
  await using project = await ownProject('second');
  const run = project.start('run', 'deals');
  await run.says('No worker asks task queue second for work');
  run.child.kill('SIGINT');
  const ended = await run.ended;
  expect(ended.code).toBe(130);
  expect(ended.stdout).toContain('goes on without this command');

  const shown = await project.upriver('show', 'last');
  expect(shown.code).toBe(0);
  expect(shown.stdout).toMatch(/deals {2}running .*\n[\s\S]*It has not begun: no worker asks task queue second/);
  expect((await project.upriver('runs')).stdout).toMatch(/deals-\S+ +not begun +cli/);
  const cancelled = await project.upriver('cancel', 'deals');
  expect(cancelled.code).toBe(1);
  expect(cancelled.stdout).toContain('no worker is up to do it');
  const worker = project.start('worker');
  await worker.says('Worker ready');
  await until(async () => (await project.upriver('runs', '--json')).stdout === '{\n  "runs": []\n}\n');
  worker.child.kill('SIGTERM');
  expect((await worker.ended).code).toBe(0);
});

test('schedules: apply creates, keeps, changes and deletes; list, pause, resume, trigger', async () => {
  await using project = await ownProject('third', "schedules: [ { cron: '0 6 * * *', timezone: Europe/Berlin } ]");
  const changes = async (...args: string[]) => {
    const ended = await project.upriver('schedules', 'apply', '--json', ...args);
    expect({ code: ended.code, stderr: ended.stderr }).toEqual({ code: 0, stderr: '' });
    return (JSON.parse(ended.stdout) as { changes: { change: string; cron: string }[] }).changes.map(
      ({ change, cron }) => [change, cron],
    );
  };
  expect(await changes('--dry-run')).toEqual([['create', '0 6 * * *']]);
  expect(await changes()).toEqual([['create', '0 6 * * *']]);
  expect(await changes()).toEqual([['keep', '0 6 * * *']]);
  const list = async () =>
    (
      JSON.parse((await project.upriver('schedules', 'list', '--json')).stdout) as {
        schedules: { id: string; cron: string; paused: boolean; next: string }[];
      }
    ).schedules;
  const [listed] = await until(async () => {
    const found = await list();
    return found.length > 0 && found;
  });
  expect(listed).toMatchObject({
    id: expect.stringMatching(/^deals\/\w{8}$/),
    cron: '0 6 * * *',
    paused: false,
    timezone: 'Europe/Berlin',
  });
  expect((await project.upriver('schedules', 'pause', 'deals')).code).toBe(0);
  await until(async () => (await list())[0]?.paused);
  expect((await project.upriver('schedules', 'resume', listed?.id ?? '')).code).toBe(0);
  await until(async () => (await list())[0]?.paused === false);

  const worker = project.start('worker');
  await worker.says('Worker ready');
  expect((await project.upriver('schedules', 'trigger', 'deals')).code).toBe(0);
  const succeeded = async (many: number) => {
    const { runs } = JSON.parse((await project.upriver('runs', '--json')).stdout) as {
      runs: { run_id: string; status: string }[];
    };
    const ids = runs.filter(({ status }) => status === 'succeeded').map((run) => run.run_id);
    return ids.length === many && ids;
  };
  expect(await until(() => succeeded(1))).toEqual([expect.stringMatching(/^deals-\w{8}-\d{4}-/)]);

  const { 'rivers/deals.yaml': river } = dealsProject(hubspot.url, {
    rows: 3,
    river: "overlap: allow\nschedules: [ { cron: '30 7 * * 1' }, { cron: '30 7 * * *', inputs: { add: 2 } } ]",
  });
  await project.write({ 'rivers/deals.yaml': river ?? '' });
  expect(await changes()).toEqual([
    ['create', '30 7 * * 1'],
    ['create', '30 7 * * *'],
    ['delete', '0 6 * * *'],
  ]);
  // Both are due at the same moment, as every Monday: neither takes the other's place.
  expect((await project.upriver('schedules', 'trigger', 'deals')).code).toBe(0);
  expect(new Set(await until(() => succeeded(3))).size).toBe(3);
  worker.child.kill('SIGTERM');
  await once(worker.child, 'exit');
  const span = ['--from', '2026-11-01T00:00:00Z', '--to', '2026-11-08T00:00:00Z'];
  const backfilled = await project.upriver('schedules', 'backfill', 'deals', ...span);
  expect(backfilled.stdout.match(/backfilled: \d+ runs?/g)?.sort()).toEqual([
    'backfilled: 1 run',
    'backfilled: 7 runs',
  ]);
  const unknown = await project.upriver('schedules', 'pause', 'nothing');
  expect(unknown.code).toBe(2);
  expect(unknown.stderr).toContain('schedules list');
});
