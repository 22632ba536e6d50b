/** Runs, steps, locks, variables. */
import type { RunRecord, StepRecord } from '../../../src/core/store.ts';
import { Exact } from '../../../src/core/values.ts';
import { openStore } from '../../../src/state/index.ts';
import type { Place } from './suite.ts';

export function aRun(id: string, change: Partial<RunRecord> = {}): RunRecord {
  return {
    id,
    river: 'trial-deals',
    status: 'running',
    startedAt: 1_000,
    endedAt: null,
    inputs: {},
    startedBy: 'cli',
    values: null,
    error: null,
    expiresAt: null,
    ...change,
  };
}

export function aStep(runId: string, stepId: string, change: Partial<StepRecord> = {}): StepRecord {
  return {
    runId,
    stepId,
    type: 'sql',
    status: 'running',
    attempts: 1,
    startedAt: 1_000,
    endedAt: null,
    rows: null,
    requests: null,
    error: null,
    ...change,
  };
}

export function runCases(place: Place): void {
  test('a run comes back as it was written, exact numbers too', async () => {
    const store = await place.open();
    const run = aRun('r1', { inputs: { id: new Exact('12345678901234567890'), list: [1, null, 'ü"\n'] } });
    await store.createRun(run);
    expect(await store.getRun('r1')).toEqual(run);
    expect(await store.getRun('r2')).toBeNull();
  });

  test('a run created twice stays the first one', async () => {
    const store = await place.open();
    await store.createRun(aRun('r1'));
    await store.updateRun('r1', { status: 'failed' });
    await store.createRun(aRun('r1'));
    expect(await store.getRun('r1')).toMatchObject({ status: 'failed' });
  });

  test('updating a run changes what is named, and nothing else', async () => {
    const store = await place.open();
    const error = { code: 'REMOTE_DOWN', message: 'no answer', hint: 'wait', step: 'each', context: { tries: 3 } };
    await store.createRun(aRun('r1'));
    await store.updateRun('r1', { status: 'failed', endedAt: 1_763_000_000_000, error, expiresAt: 1_764_000_000_000 });
    await store.updateRun('r1', {});
    expect(await store.getRun('r1')).toEqual(
      aRun('r1', { status: 'failed', endedAt: 1_763_000_000_000, error, expiresAt: 1_764_000_000_000 }),
    );
    await store.updateRun('r1', { error: null });
    expect(await store.getRun('r1')).toMatchObject({ error: null, status: 'failed' });
  });

  test('runs are listed newest first, by river and by status', async () => {
    const store = await place.open();
    await store.createRun(aRun('old', { startedAt: 1 }));
    await store.createRun(aRun('twin-1', { startedAt: 2 }));
    await store.createRun(aRun('twin-2', { startedAt: 2, status: 'failed' }));
    await store.createRun(aRun('other', { startedAt: 3, river: 'load' }));
    const ids = async (filter: { river?: string; status?: 'failed'; limit: number }) =>
      (await store.listRuns(filter)).map((run) => run.id);
    expect(await ids({ limit: 10 })).toEqual(['other', 'twin-2', 'twin-1', 'old']);
    expect(await ids({ limit: 2 })).toEqual(['other', 'twin-2']);
    expect(await ids({ river: 'trial-deals', limit: 10 })).toEqual(['twin-2', 'twin-1', 'old']);
    expect(await ids({ status: 'failed', limit: 10 })).toEqual(['twin-2']);
  });

  test('a step saved again replaces itself and keeps its place', async () => {
    const store = await place.open();
    const rows = {
      read: 3,
      delivered: 2,
      unchanged: 0,
      skipped: 0,
      rejected: 1,
      failed: 0,
      unknown: 0,
      not_attempted: 0,
    };
    await store.saveStep(aStep('r1', 'first'));
    await store.saveStep(aStep('r1', 'second'));
    await store.saveStep(aStep('r1', 'earlier', { startedAt: 5 }));
    await store.saveStep(aStep('r2', 'first'));
    const done = aStep('r1', 'first', {
      status: 'partial',
      attempts: 2,
      endedAt: 9_000,
      rows,
      requests: 7,
      error: { code: 'ROW_KEY', message: 'm' },
    });
    await store.saveStep(done);
    expect(await store.listSteps('r1')).toEqual([
      aStep('r1', 'earlier', { startedAt: 5 }),
      done,
      aStep('r1', 'second'),
    ]);
  });

  test('one owner at a time holds a river', async () => {
    const store = await place.open();
    const second = await place.open();
    expect(await store.lockRiver('deals', 'a', null)).toEqual({ held: true, owner: 'a' });
    expect(await store.lockRiver('deals', 'a', null)).toEqual({ held: true, owner: 'a' });
    expect(await second.lockRiver('deals', 'b', null)).toEqual({ held: false, owner: 'a' });
    expect(await second.lockRiver('others', 'b', null)).toEqual({ held: true, owner: 'b' });
    await second.unlockRiver('deals', 'b');
    expect(await second.lockRiver('deals', 'b', null)).toEqual({ held: false, owner: 'a' });
    await store.unlockRiver('deals', 'a');
    expect(await second.lockRiver('deals', 'b', null)).toEqual({ held: true, owner: 'b' });
  });

  test('those who wait get a river in the order in which they came; who does not wait comes after them', async () => {
    const store = await place.open();
    const second = await place.open();
    await store.lockRiver('deals', 'a', 1);
    expect(await store.lockRiver('deals', 'late', 30)).toEqual({ held: false, owner: 'a' });
    expect(await second.lockRiver('deals', 'early', 20)).toEqual({ held: false, owner: 'a' });
    await store.unlockRiver('deals', 'a');
    expect(await store.lockRiver('deals', 'late', 30)).toEqual({ held: false, owner: 'early' });
    expect(await store.lockRiver('deals', 'passing', null)).toEqual({ held: false, owner: 'early' });
    expect(await store.lockRiver('deals', 'early', 20)).toEqual({ held: true, owner: 'early' });
    expect(await store.lockRiver('deals', 'later', 40)).toEqual({ held: false, owner: 'early' });
    await second.unlockRiver('deals', 'early');
    // One that is gone leaves its place.
    await store.unlockRiver('deals', 'late');
    expect(await second.lockRiver('deals', 'later', 40)).toEqual({ held: true, owner: 'later' });
    await store.unlockRiver('deals', 'later');
    expect(await store.lockRiver('deals', 'passing', null)).toEqual({ held: true, owner: 'passing' });
  });

  test('of those who lock at once, one succeeds', async () => {
    const stores = await Promise.all([place.open(), place.open(), place.open()]);
    const locks = await Promise.all(stores.map((store, index) => store.lockRiver('deals', `o${index}`, index)));
    expect(locks.filter((lock) => lock.held)).toHaveLength(1);
    expect(new Set(locks.map((lock) => lock.owner)).size).toBe(1);
  });

  test('variables keep their values from one opening to the next', async () => {
    const store = await place.open();
    const exact = new Exact('0.1000000000000000055511151231257827');
    await store.saveVariables('deals', { last_seen: '2026-01-01', amount: exact });
    await store.saveVariables('deals', { last_seen: '2026-02-02', none: null });
    await store.saveVariables('other', { last_seen: 'x' });
    await store.saveVariables('other', {});
    expect(await (await place.open()).readVariables('deals')).toEqual({
      last_seen: '2026-02-02',
      amount: exact,
      none: null,
    });
    expect(await store.readVariables('nobody')).toEqual({});
  });

  test('several processes may open a new store at once', async () => {
    const stores = await Promise.all([1, 2, 3, 4].map(() => place.open()));
    await Promise.all(stores.map((store, index) => store.createRun(aRun(`r${index}`))));
    expect(await stores[0]?.listRuns({ limit: 10 })).toHaveLength(4);
  });

  test('check tells the engine, its version and the schema', async () => {
    const store = await place.open();
    expect(await store.check()).toMatchObject({
      engine: expect.stringMatching(/SQLite|PostgreSQL/),
      version: expect.stringMatching(/^\d+\.\d+/),
      schema: '4',
      size: expect.stringMatching(/^\d+$/),
    });
  });

  test('a URL that is no PostgreSQL URL is refused without showing it', async () => {
    const opening = openStore({ url: 'mysql://user:secret@host/db' });
    await expect(opening).rejects.toMatchObject({ code: 'STATE_URL', message: expect.not.stringContaining('secret') });
  });
}
