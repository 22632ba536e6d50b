/** What others leave behind: a host that dies under its guests, a retry or a dry run that was stopped. */
import { jest } from '@jest/globals';
import type { RunResult } from '../../../src/contracts/run.ts';
import { until } from './helpers.ts';
import { BRISK, ROWS, endless, slowDeals, statuses, underWay } from './slow-deals.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

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
