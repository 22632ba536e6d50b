/** Retention. */
import { aCommit, aLoop, aRecord, KEY, states } from './loop-cases.ts';
import { writeRows } from './rowset-cases.ts';
import { aRun, aStep } from './run-cases.ts';
import type { Place } from './suite.ts';

export function pruneCases(place: Place): void {
  test('an expired run goes with its rows and outcomes; what was delivered and variables stay', async () => {
    const store = await place.open();
    const key = new Uint8Array(16).fill(7);
    for (const runId of ['run', 'young']) {
      await store.createRun(aRun(runId));
      await store.saveStep(aStep(runId, 'each'));
      await writeRows(
        store,
        `rows of ${runId}`,
        Array.from({ length: 12_000 }, (_, row) => `[${row}]`),
        runId,
      );
      const loop = { runId, path: 'each' };
      const epoch = await aLoop(store, [2], loop);
      await store.commitLoop(
        aCommit(epoch, {
          loop,
          chunks: [{ chunk: 0, states: states('delivered', 'rejected') }],
          records: [aRecord(1)],
          progress: [{ row: 0, cursor: 1, outputs: '{}' }],
          outputs: [{ row: 0, outputs: '{}', httpStatus: 200 }],
          delivered: { scope: 's', hashes: [{ key, hash: key }] },
          requests: 2,
        }),
      );
    }
    await store.saveVariables('trial-deals', { last_seen: 'x' });
    await store.updateRun('run', { expiresAt: 500 });
    await store.updateRun('young', { expiresAt: 501 });

    expect(await store.prune(499)).toBe(0);
    expect(await store.prune(500)).toBe(1);
    expect(await store.prune(500)).toBe(0);
    expect((await store.listRuns({ limit: 9 })).map((run) => run.id)).toEqual(['young']);
    expect(await store.listSteps('run')).toEqual([]);
    expect(await store.listLoops('run')).toEqual([]);
    expect(await store.getRowset('rows of run')).toBeNull();
    await expect(store.readChunk('rows of run', 0)).rejects.toMatchObject({ code: 'STATE_MISSING' });
    expect(await store.getRowset('rows of young')).toMatchObject({ rows: 12_000 });
    expect((await store.readChunk('rows of young', 2)).rows).toHaveLength(2_000);
    expect(await store.readRecords({ runId: 'young', path: 'each' }, {})).toHaveLength(1);
    expect((await store.lookupDelivered('s', [key])).size).toBe(1);
    expect(await store.readVariables('trial-deals')).toEqual({ last_seen: 'x' });
  });

  test('a new loop of the same name has nothing of the old one', async () => {
    const store = await place.open();
    await store.createRun(aRun('run', { expiresAt: 1 }));
    const epoch = await aLoop(store, [1]);
    const commit = {
      chunks: [{ chunk: 0, states: states('rejected') }],
      records: [aRecord(0)],
      requests: 1,
      seq: { writer: 'a', number: 9 },
    };
    await store.commitLoop(aCommit(epoch, commit));
    await store.prune(1);
    const again = await aLoop(store, [1]);
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 0, rows: { not_attempted: 1 } });
    expect(await store.readRecords(KEY, {})).toEqual([]);
    expect(await store.commitLoop(aCommit(again, commit))).toBe(true);
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 1, rows: { rejected: 1 } });
  });
}
