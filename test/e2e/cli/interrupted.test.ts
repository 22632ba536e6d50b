/** Ctrl-C, kill -9, cancel, other inputs, a host that dies under its guests: a run is never lost and never sent twice. */
import { jest } from '@jest/globals';
import type { RunResult } from '../../../src/contracts/run.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { dealsProject, makeProject, type TestProject, until } from './helpers.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const ROWS = 200;
const MAX_IN_FLIGHT = 4;
const BRISK = { minMs: 50, maxMs: 50 };
const SLOW = { minMs: 1_000, maxMs: 1_000 };

/** Two hundred deals, of which some have gone out when the API begins to dawdle: a run that does not end under our hands. */
async function slowDeals(river?: string): Promise<{ hubspot: Sandbox; project: TestProject } & AsyncDisposable> {
  const hubspot = await startSandbox({ deals: ROWS, limits: null, latency: BRISK });
  const files = dealsProject(hubspot.url, { rows: ROWS, loop: `max_in_flight: ${MAX_IN_FLIGHT}`, river });
  const project = await makeProject(files, { HUBSPOT_TOKEN: 'practice' });
  return {
    hubspot,
    project,
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await hubspot.stop();
    },
  };
}

async function underWay(hubspot: Sandbox): Promise<void> {
  await until(() => hubspot.state().deals.applied >= 20);
  hubspot.set({ latency: SLOW });
}

async function lastRunId(project: TestProject): Promise<string> {
  const { runs } = JSON.parse((await project.upriver('runs', '--json')).stdout) as { runs: { run_id: string }[] };
  return runs[0]?.run_id ?? '';
}

/** A river whose SQL does not end under our hands. */
function endless(river: string): string {
  return river.replace('from range', 'from range(1000000) a(x), range(1000000000) b(y), range');
}

/** Of the runs, newest first. */
async function statuses(project: TestProject): Promise<string[]> {
  const { runs } = JSON.parse((await project.upriver('runs', '--json')).stdout) as { runs: { status: string }[] };
  return runs.map(({ status }) => status);
}

test('Ctrl-C stops the processes, not the river: the next run goes on with it, and no deal is sent twice', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals', '--full');
  await underWay(hubspot);
  first.child.kill('SIGINT');
  const stopped = await first.ended;
  expect(stopped.code).toBe(130);
  const runId = await lastRunId(project);
  expect(stopped.stdout).toContain(
    `Go on with it: upriver run deals --input add=1 --full · give it up: upriver cancel ${runId}`,
  );
  const goOn = 'upriver run deals --input add=1';
  expect((await project.upriver('show', 'last')).stdout).toContain(`Go on with it: ${goOn} (or upriver dev)`);
  expect((await project.upriver('retry', 'last')).stderr).toContain(`go on with it (\`${goOn}\`)`);
  const soFar = hubspot.state().requests;
  expect(soFar).toBeLessThan(ROWS);

  hubspot.set({ latency: BRISK });
  const action = await project.read('actions/deal-update.yaml');
  await project.write({ 'actions/deal-update.yaml': `${action}retry: { attempts: 3 }\n` });
  const second = await project.upriver('run', 'deals', '--json');
  expect(second.stderr).toContain(`Going on with ${runId}`);
  expect(second.stderr).toContain(`they have changed: for today's, upriver cancel ${runId} first`);
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({
    run_id: runId,
    status: 'succeeded',
    rows: { read: ROWS, delivered: ROWS },
  });
  expect([...hubspot.deals()].filter((deal) => deal.received !== 1)).toEqual([]);
});

test('kill -9: the next run goes on with it; only what was in flight may be sent again', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals');
  await underWay(hubspot);
  first.child.kill('SIGKILL');
  await first.ended;
  const runId = await lastRunId(project);

  hubspot.set({ latency: BRISK });
  const second = await project.upriver('run', 'deals', '--json');
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({
    run_id: runId,
    status: 'succeeded',
    rows: { read: ROWS, delivered: ROWS },
  });
  const deals = [...hubspot.deals()];
  expect(deals.filter((deal) => deal.received === 0)).toEqual([]);
  expect(deals.filter((deal) => deal.received > 1).length).toBeLessThanOrEqual(2 * MAX_IN_FLIGHT);
});

test('an unfinished run with other inputs is an error that names cancel; cancel ends it; then a new one may start', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals');
  await underWay(hubspot);
  first.child.kill('SIGINT');
  await first.ended;
  const runId = await lastRunId(project);
  const before = hubspot.state().requests;

  const other = await project.upriver('run', 'deals', '--input', 'add=2', '--json');
  expect(other.code).toBe(2);
  expect(JSON.parse(other.stdout)).toMatchObject({
    errors: [{ code: 'RIVER_RUN_UNFINISHED', hint: expect.stringContaining(`upriver cancel ${runId}`) }],
  });

  const cancelled = await project.upriver('cancel', 'last', '--json');
  expect(cancelled.code).toBe(0);
  const run = JSON.parse(cancelled.stdout) as RunResult;
  expect(run).toMatchObject({ run_id: runId, status: 'cancelled', rows: { read: ROWS } });
  expect(run.rows.not_attempted).toBeGreaterThan(0);
  expect(run.rows.delivered + run.rows.unknown + run.rows.not_attempted).toBe(ROWS);
  // Nothing is sent for a run that is asked to stop.
  expect(hubspot.state().requests).toBe(before);

  hubspot.set({ latency: BRISK });
  const third = await project.upriver('run', 'deals', '--input', 'add=2', '--json');
  expect(third.code).toBe(0);
  expect((JSON.parse(third.stdout) as RunResult).run_id).not.toBe(runId);
});

test('cancelled by another command while it runs: exit code 4, honest counts', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals', '--json');
  await underWay(hubspot);
  const cancelled = await project.upriver('cancel', 'deals');
  expect(cancelled.code).toBe(0);
  const ended = await first.ended;
  expect(ended.code).toBe(4);
  const run = JSON.parse(ended.stdout) as RunResult;
  expect(run.status).toBe('cancelled');
  expect(run.rows.not_attempted).toBeGreaterThan(0);
  const { applied } = hubspot.state().deals;
  expect(applied).toBeGreaterThanOrEqual(run.rows.delivered);
  expect(applied).toBeLessThanOrEqual(run.rows.delivered + run.rows.unknown);
});

test('overlap: a second run beside a living one is skipped, exit code 0', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals', '--json');
  await underWay(hubspot);
  const second = await project.upriver('run', 'deals', '--json');
  expect(second.code).toBe(0);
  expect(JSON.parse(second.stdout)).toMatchObject({ status: 'skipped', rows: { read: 0 } });
  hubspot.set({ latency: BRISK });
  expect((await first.ended).code).toBe(0);
});

test('the host dies under a guest: the guest takes its place and its run goes on', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const dev = project.start('dev');
  await dev.says('Worker: ');
  const guest = project.start('run', 'deals', '--json');
  await underWay(hubspot);
  dev.child.kill('SIGKILL');
  hubspot.set({ latency: BRISK });
  const ended = await guest.ended;
  expect(ended.stderr).toContain('takes its place');
  expect(ended.code).toBe(0);
  expect(JSON.parse(ended.stdout)).toMatchObject({ status: 'succeeded', rows: { delivered: ROWS } });
});

test('the host dies under a guest’s dry run: it is asked for anew where the guest works', async () => {
  await using at = await slowDeals();
  const { project } = at;
  await project.write({ 'rivers/deals.yaml': endless(await project.read('rivers/deals.yaml')) });
  const dev = project.start('dev');
  await dev.says('Worker: ');
  const guest = project.start('run', 'deals', '--dry-run');
  await until(async () => (await statuses(project))[0] === 'running');
  dev.child.kill('SIGKILL');
  await guest.says(/takes its place\.\ndeals {2}deals-/);
  await until(async () => (await statuses(project)).join() === 'running,cancelled');
  guest.child.kill('SIGINT');
  expect((await guest.ended).code).toBe(130);
});

test('Ctrl-C on a guest: the run goes on without it', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const dev = project.start('dev');
  await dev.says('Worker: ');
  const guest = project.start('run', 'deals');
  await underWay(hubspot);
  guest.child.kill('SIGINT');
  const ended = await guest.ended;
  expect(ended.code).toBe(130);
  expect(ended.stdout).toContain('goes on without this command');
  hubspot.set({ latency: BRISK });
  await dev.says(/deals-\S+ +succeeded/);
});

test('a retry that is stopped is gone on with by the same command; `run` lets it end first', async () => {
  await using at = await slowDeals();
  const { hubspot, project } = at;
  const first = project.start('run', 'deals', '--json');
  await underWay(hubspot);
  expect((await project.upriver('cancel', 'deals')).code).toBe(0);
  const cancelled = JSON.parse((await first.ended).stdout) as RunResult;
  const stopped = async (...args: string[]) => {
    const before = hubspot.state().requests;
    const running = project.start(...args);
    await until(() => hubspot.state().requests > before);
    running.child.kill('SIGINT');
    return running.ended;
  };
  const retry = await stopped('retry', cancelled.run_id);
  const goOn = `upriver retry ${cancelled.run_id}`;
  const retryId = /Stopped\. (\S+) has not ended\./.exec(retry.stdout)?.[1] ?? '';
  expect(retry.stdout).toContain(`${retryId} has not ended. Go on with it: ${goOn} ·`);
  expect(retryId).not.toBe(cancelled.run_id);
  expect((await project.upriver('show', retryId)).stdout).toContain(`Go on with it: ${goOn} (or upriver dev)`);

  const again = await stopped('retry', cancelled.run_id);
  expect(again.stdout).toContain(`Going on with ${retryId}, which had not ended.`);

  hubspot.set({ latency: BRISK });
  const run = await project.upriver('run', 'deals', '--json');
  expect(run.stderr).toContain(`Going on with ${retryId} first, a retry of ${cancelled.run_id} that had not ended.`);
  expect({ code: run.code, ...(JSON.parse(run.stdout) as RunResult) }).toMatchObject({
    code: 0,
    run_id: expect.not.stringMatching(retryId),
    status: 'succeeded',
    rows: { read: ROWS, delivered: ROWS },
  });
  const retried = JSON.parse((await project.upriver('show', retryId, '--json')).stdout) as RunResult;
  expect(retried).toMatchObject({ status: 'succeeded', rows: { read: cancelled.rows.not_attempted } });
});

test('a dry run that is stopped or killed is nothing to go on with, and in nobody’s way', async () => {
  await using at = await slowDeals();
  const { project } = at;
  const quick = await project.read('rivers/deals.yaml');
  await project.write({ 'rivers/deals.yaml': endless(quick) });
  const dryRun = async (signal: 'SIGINT' | 'SIGKILL') => {
    const running = project.start('run', 'deals', '--dry-run');
    await until(async () => (await statuses(project))[0] === 'running');
    running.child.kill(signal);
    return running.ended;
  };
  const stopped = await dryRun('SIGINT');
  expect(stopped.code).toBe(130);
  expect(stopped.stdout).toContain('Ask for it anew: upriver run deals --input add=1 --dry-run');
  expect(await statuses(project)).toEqual(['cancelled']);

  await dryRun('SIGKILL');
  await project.write({ 'rivers/deals.yaml': quick });
  const run = await project.upriver('run', 'deals', '--json');
  expect({ code: run.code, stderr: run.stderr }).toEqual({ code: 0, stderr: '' });
  expect(JSON.parse(run.stdout)).toMatchObject({ status: 'succeeded', rows: { delivered: ROWS } });
  expect(await statuses(project)).toEqual(['succeeded', 'cancelled', 'cancelled']);
});
