/** Loops: opening, fencing, states, counts, records. */
import { ROW_STATE } from '../../../src/core/outcomes.ts';
import type { LoopCommit, LoopKey, OutcomeRecord, StateStore } from '../../../src/core/store.ts';
import { aRun } from './run-cases.ts';
import type { Place } from './suite.ts';

export const KEY: LoopKey = { runId: 'run', path: 'each' };

/** A loop over chunks of the given sizes, claimed. */
export async function aLoop(store: StateStore, chunkSizes: number[], key = KEY): Promise<number> {
  const rows = chunkSizes.reduce((sum, size) => sum + size, 0);
  await store.openLoop({ ...key, rowsetId: 'rows', rows, chunkSizes });
  return (await store.claimLoop(key)).epoch;
}

export function aCommit(epoch: number, change: Partial<LoopCommit> = {}): LoopCommit {
  return {
    loop: KEY,
    epoch,
    chunks: [],
    records: [],
    delivered: null,
    progress: [],
    progressDone: [],
    requests: 0,
    outputs: [],
    ...change,
  };
}

export function states(...names: (keyof typeof ROW_STATE)[]): Uint8Array {
  return Uint8Array.from(names, (name) => ROW_STATE[name]);
}

export function aRecord(row: number, change: Partial<OutcomeRecord> = {}): OutcomeRecord {
  return {
    row,
    key: `[${row}]`,
    outcome: 'rejected',
    code: 'ROW_REFUSED',
    message: 'no',
    httpStatus: 400,
    excerpt: '{"x":"ü"}',
    attempts: 1,
    ...change,
  };
}

export function loopCases(place: Place): void {
  test('the same loop in later runs of its river, the newest first, whatever the clock said', async () => {
    const store = await place.open();
    const begin = async (id: string, path = 'each', river = 'trial-deals', startedAt = 5) => {
      await store.createRun(aRun(id, { river, startedAt }));
      await aLoop(store, [1], { runId: id, path });
    };
    for (const id of ['older', 'this', 'next']) await begin(id);
    await begin('other-path', 'inner');
    await begin('other-river', 'each', 'load');
    await begin('newest', 'each', 'trial-deals', 4);
    await store.createRun(aRun('no-loop'));
    const later = (runId: string) => store.laterLoops({ runId, path: 'each' });
    expect((await later('this')).map((loop) => loop.runId)).toEqual(['newest', 'next']);
    expect((await later('this'))[1]).toEqual(await store.getLoop({ runId: 'next', path: 'each' }));
    expect(await later('newest')).toEqual([]);
    expect(await later('unheard-of')).toEqual([]);
  });

  test('a new loop has all rows pending, however many', async () => {
    const store = await place.open();
    const chunkSizes = Array.from({ length: 200 }, () => 5_000);
    const loop = await store.openLoop({ ...KEY, rowsetId: 'rows', rows: 1_000_000, chunkSizes });
    expect(loop).toEqual({ ...KEY, rowsetId: 'rows', rows: 1_000_000, epoch: 0, requests: 0, closed: null });
    expect(await store.readStates(KEY, 199)).toEqual(new Uint8Array(5_000));
    expect(await store.nextOpenChunk(KEY, 0)).toBe(0);
    expect(await store.countLoop(KEY)).toMatchObject({
      rows: { read: 1_000_000, not_attempted: 1_000_000 },
      requests: 0,
      inDoubt: 0,
    });
  });

  test('opening a loop again changes nothing', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [2]);
    await store.commitLoop(
      aCommit(epoch, { chunks: [{ chunk: 0, states: states('delivered', 'failed') }], requests: 3 }),
    );
    const again = await store.openLoop({ ...KEY, rowsetId: 'rows', rows: 2, chunkSizes: [2] });
    expect(again).toEqual({ ...KEY, rowsetId: 'rows', rows: 2, epoch, requests: 3, closed: null });
    expect(await store.getLoop(KEY)).toEqual(again);
  });

  test('loops of a run are listed as they were opened', async () => {
    const store = await place.open();
    for (const path of ['b', 'a', 'outer/row-1/b']) await aLoop(store, [1], { runId: 'run', path });
    await aLoop(store, [1], { runId: 'other', path: 'b' });
    expect((await store.listLoops('run')).map((loop) => loop.path)).toEqual(['b', 'a', 'outer/row-1/b']);
    expect(await store.getLoop({ runId: 'run', path: 'nowhere' })).toBeNull();
  });

  test('what is not there is said so', async () => {
    const store = await place.open();
    await aLoop(store, [1]);
    const missing = { code: 'STATE_MISSING', retry: false };
    await expect(store.claimLoop({ runId: 'run', path: 'x' })).rejects.toMatchObject(missing);
    await expect(store.countLoop({ runId: 'run', path: 'x' })).rejects.toMatchObject(missing);
    await expect(store.readStates(KEY, 1)).rejects.toMatchObject(missing);
  });

  test('counts add up over chunks touched and untouched, and name what is in doubt', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [4, 4, 3]);
    const chunks = [
      { chunk: 0, states: states('delivered', 'unchanged', 'skipped', 'rejected') },
      { chunk: 2, states: states('sending', 'unknown', 'failed') },
    ];
    expect(await store.commitLoop(aCommit(epoch, { chunks, requests: 6 }))).toBe(true);
    expect(await store.countLoop(KEY)).toEqual({
      rows: { read: 11, delivered: 1, unchanged: 1, skipped: 1, rejected: 1, failed: 1, unknown: 1, not_attempted: 5 },
      requests: 6,
      inDoubt: 1,
    });
    expect(await store.readStates(KEY, 2)).toEqual(states('sending', 'unknown', 'failed'));
  });

  test('the next open chunk is the first with a row pending or sending', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [1, 1, 1, 1, 1]);
    const next = async (from: number) => store.nextOpenChunk(KEY, from);
    const set = (chunk: number, state: keyof typeof ROW_STATE) =>
      store.commitLoop(aCommit(epoch, { chunks: [{ chunk, states: states(state) }] }));
    await set(0, 'delivered');
    await set(1, 'failed');
    await set(3, 'unknown');
    expect([await next(0), await next(1), await next(3), await next(5)]).toEqual([2, 2, 4, null]);
    await set(2, 'sending');
    expect(await next(0)).toBe(2);
    await set(2, 'skipped');
    await set(4, 'pending');
    expect(await next(0)).toBe(4);
    await set(4, 'unchanged');
    expect(await next(0)).toBeNull();
  });

  test('who is overtaken writes nothing more', async () => {
    const store = await place.open();
    const second = await place.open();
    const old = await aLoop(store, [2]);
    const { epoch } = await second.claimLoop(KEY);
    expect(epoch).toBeGreaterThan(old);
    const late = aCommit(old, {
      chunks: [{ chunk: 0, states: states('delivered', 'delivered') }],
      records: [aRecord(0)],
      progress: [{ row: 0, cursor: 1, outputs: '{}' }],
      outputs: [{ row: 0, outputs: '{}', httpStatus: 200 }],
      delivered: { scope: 's', hashes: [{ key: new Uint8Array(16), hash: new Uint8Array(16) }] },
      requests: 5,
    });
    expect(await store.commitLoop(late)).toBe(false);
    expect(await second.countLoop(KEY)).toMatchObject({ rows: { not_attempted: 2 }, requests: 0 });
    expect(await second.readRecords(KEY, {})).toEqual([]);
    expect(await second.readProgress(KEY, 0, 9)).toEqual([]);
    expect(await second.readOutputs(KEY, 0, 9)).toEqual([]);
    expect(await second.lookupDelivered('s', [new Uint8Array(16)])).toEqual(new Map());
    expect(await second.commitLoop({ ...late, epoch })).toBe(true);
    expect(await store.countLoop(KEY)).toMatchObject({ rows: { delivered: 2 }, requests: 5 });
  });

  test('from the moment that a claim returns, nothing of the old epoch is written', async () => {
    const old = await place.open();
    const heir = await place.open();
    for (let round = 0; round < 15; round += 1) {
      const loop = { runId: 'run', path: `loop-${round}` };
      const epoch = await aLoop(heir, [1], loop);
      const chunks = [{ chunk: 0, states: states('delivered') }];
      const commits = Array.from({ length: 12 }, () => old.commitLoop(aCommit(epoch, { loop, chunks, requests: 1 })));
      await commits[round % 4];
      await heir.claimLoop(loop);
      const { requests } = await heir.countLoop(loop);
      const applied = (await Promise.all(commits)).filter(Boolean).length;
      expect((await heir.countLoop(loop)).requests).toBe(requests);
      expect(applied).toBe(requests);
    }
  });

  test('claims at once give each claimer an epoch of its own', async () => {
    const stores = await Promise.all([place.open(), place.open(), place.open()]);
    await aLoop(stores[0] as StateStore, [1]);
    const claims = await Promise.all(stores.map((store) => store.claimLoop(KEY)));
    expect(new Set(claims.map((claim) => claim.epoch)).size).toBe(3);
  });

  test('a closed loop is claimed by nobody, and only who closed it settles rows', async () => {
    const [holder, closer, late] = [await place.open(), await place.open(), await place.open()];
    const old = await aLoop(holder, [2]);
    const { epoch } = await closer.closeLoop(KEY);
    await expect(late.claimLoop(KEY)).rejects.toMatchObject({ code: 'STATE_LOOP_ENDED', retry: false });
    const chunks = [{ chunk: 0, states: states('unknown', 'unknown') }];
    expect(await holder.commitLoop(aCommit(old, { chunks }))).toBe(false);
    expect(await closer.commitLoop(aCommit(epoch, { chunks }))).toBe(true);
    expect(await late.getLoop(KEY)).toMatchObject({ epoch, closed: 'null' });
    // Who closes it again, since the first died half-way, takes over.
    const again = await late.closeLoop(KEY);
    expect(again.epoch).toBeGreaterThan(epoch);
    expect(await closer.commitLoop(aCommit(epoch, { chunks }))).toBe(false);
    await expect(late.closeLoop({ runId: 'run', path: 'x' })).rejects.toMatchObject({ code: 'STATE_MISSING' });
  });

  test('who holds a loop can stop it for good, who lost it cannot', async () => {
    const [old, heir] = [await place.open(), await place.open()];
    const lost = await aLoop(old, [2]);
    const { epoch } = await heir.claimLoop(KEY);
    expect(await old.stopLoop(KEY, lost, '"too late"')).toBe(false);
    expect((await old.getLoop(KEY))?.closed).toBeNull();
    expect(await heir.stopLoop(KEY, epoch, '"403"')).toBe(true);
    expect(await heir.stopLoop(KEY, epoch, '"again, as the answer was lost"')).toBe(true);
    await expect(old.claimLoop(KEY)).rejects.toMatchObject({ code: 'STATE_LOOP_ENDED' });
    await old.closeLoop(KEY);
    expect((await heir.getLoop(KEY))?.closed).toBe('"403"');
  });

  test("a run's loops are closed at its end, and no other run's", async () => {
    const store = await place.open();
    const [each, inner, other] = ['each', 'outer/row-1/each', 'each'].map((path, index) => ({
      runId: index < 2 ? 'run' : 'other',
      path,
    })) as [LoopKey, LoopKey, LoopKey];
    const epochs = [await aLoop(store, [1], each), await aLoop(store, [1], inner), await aLoop(store, [1], other)];
    await store.closeLoops('run');
    const commit = (loop: LoopKey, index: number) => store.commitLoop(aCommit(epochs[index] as number, { loop }));
    for (const loop of [each, inner])
      await expect(store.claimLoop(loop)).rejects.toMatchObject({ code: 'STATE_LOOP_ENDED' });
    expect([await commit(each, 0), await commit(inner, 1), await commit(other, 2)]).toEqual([false, false, true]);
  });

  test('records are read by row, by outcome and in pages', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [100]);
    const bare = aRecord(7, { outcome: 'failed', key: null, httpStatus: null, excerpt: null, attempts: 5 });
    await store.commitLoop(aCommit(epoch, { records: [aRecord(30), bare, aRecord(2, { outcome: 'skipped' })] }));
    await store.commitLoop(aCommit(epoch, { records: [aRecord(30, { outcome: 'unknown', attempts: 2 })] }));
    expect(await store.readRecords(KEY, {})).toEqual([
      aRecord(2, { outcome: 'skipped' }),
      bare,
      aRecord(30, { outcome: 'unknown', attempts: 2 }),
    ]);
    const rows = async (filter: Parameters<StateStore['readRecords']>[1]) =>
      (await store.readRecords(KEY, filter)).map((record) => record.row);
    expect(await rows({ outcomes: ['failed', 'unknown'] })).toEqual([7, 30]);
    expect(await rows({ afterRow: 2, limit: 1 })).toEqual([7]);
    expect(await rows({ outcomes: [] })).toEqual([]);
  });

  test('progress is kept per row until it is done', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [10]);
    await store.commitLoop(
      aCommit(epoch, {
        progress: [
          { row: 3, cursor: 1, outputs: '{"a":1}' },
          { row: 5, cursor: 1, outputs: '{}' },
        ],
      }),
    );
    await store.commitLoop(
      aCommit(epoch, {
        progress: [
          { row: 3, cursor: 2, outputs: '{"a":2}' },
          { row: 6, cursor: 1, outputs: '{}' },
        ],
        progressDone: [5, 6],
      }),
    );
    expect(await store.readProgress(KEY, 0, 9)).toEqual([{ row: 3, cursor: 2, outputs: '{"a":2}' }]);
    expect(await store.readProgress(KEY, 4, 9)).toEqual([]);
  });

  test('outputs are kept per row', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [10]);
    const outputs = [4, 1, 8].map((row) => ({ row, outputs: `{"row":${row}}`, httpStatus: row === 8 ? null : 200 }));
    await store.commitLoop(aCommit(epoch, { outputs }));
    expect(await store.readOutputs(KEY, 1, 4)).toEqual([outputs[1], outputs[0]]);
    expect(await store.readOutputs(KEY, 5, 9)).toEqual([outputs[2]]);
  });

  test('hashes are kept per scope, the last one counts', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [10]);
    const [a, b, c] = [1, 2, 3].map((byte) => new Uint8Array(16).fill(byte)) as [Uint8Array, Uint8Array, Uint8Array];
    await store.commitLoop(
      aCommit(epoch, {
        delivered: {
          scope: 'one',
          hashes: [
            { key: a, hash: a },
            { key: b, hash: a },
            { key: b, hash: b },
          ],
        },
      }),
    );
    await store.commitLoop(aCommit(epoch, { delivered: { scope: 'two', hashes: [{ key: a, hash: c }] } }));
    const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex');
    const found = await (await place.open()).lookupDelivered('one', [c, b, a]);
    expect([...found].map(([key, hash]) => [key, hex(hash)])).toEqual([
      [hex(b), hex(b)],
      [hex(a), hex(a)],
    ]);
    expect((await store.lookupDelivered('two', [a, b])).size).toBe(1);
    expect((await store.lookupDelivered('three', [a])).size).toBe(0);
    expect((await store.lookupDelivered('one', [])).size).toBe(0);
  });

  test('hashes of a whole chunk are written and found at once', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [5_000]);
    const hashes = Array.from({ length: 5_000 }, (_, row) => {
      const key = new Uint8Array(16);
      new DataView(key.buffer).setUint32(12, row);
      return { key, hash: key.map((byte) => 255 - byte) };
    });
    await store.commitLoop(aCommit(epoch, { delivered: { scope: 's', hashes } }));
    const found = await store.lookupDelivered(
      's',
      hashes.map((pair) => pair.key),
    );
    expect(found.size).toBe(5_000);
    for (const { key, hash } of hashes)
      expect(Buffer.from(hash).equals(found.get(Buffer.from(key).toString('hex')) as Uint8Array)).toBe(true);
  });
}
