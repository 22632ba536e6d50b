/** Ctrl-C, kill -9, cancel, other inputs: a run is never lost and never sent twice. */
import { jest } from '@jest/globals';
import type { RunResult } from '../../../src/contracts/run.ts';
import { BRISK, MAX_IN_FLIGHT, ROWS, lastRunId, slowDeals, underWay } from './slow-deals.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

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
