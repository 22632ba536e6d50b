/** Group commits: whole or not at all, once even if sent twice, and counts that always add up. */
import fc from 'fast-check';
import { countsFromHistogram, histogram, ROW_STATE } from '../../../src/core/outcomes.ts';
import { aCommit, aLoop, aRecord, KEY, states } from './loop-cases.ts';
import type { Place } from './suite.ts';

const SIZES = [3, 7, 1, 12];

/** Commits of states for chunks of SIZES, any of which may be sent twice or under an old epoch. */
const commits = fc.array(
  fc.record({
    chunks: fc.uniqueArray(
      fc.integer({ min: 0, max: SIZES.length - 1 }).chain((chunk) => {
        const size = SIZES[chunk] as number;
        return fc.record({
          chunk: fc.constant(chunk),
          states: fc.uint8Array({ minLength: size, maxLength: size, max: ROW_STATE.unknown }),
        });
      }),
      { selector: (change) => change.chunk },
    ),
    requests: fc.nat(50),
    twice: fc.boolean(),
    late: fc.boolean(),
  }),
  { maxLength: 12 },
);

export function commitCases(place: Place): void {
  test('after any commits the counts are those of the states, and add up', async () => {
    const store = await place.open();
    let made = 0;
    await fc.assert(
      fc.asyncProperty(commits, async (changes) => {
        const loop = { runId: 'run', path: `loop-${made++}` };
        const old = await aLoop(store, SIZES, loop);
        const { epoch } = await store.claimLoop(loop);
        const expected = SIZES.map((size) => new Uint8Array(size));
        let requests = 0;
        for (const [index, change] of changes.entries()) {
          const commit = aCommit(change.late ? old : epoch, {
            ...change,
            loop,
            seq: { writer: 'w', number: index + 1 },
          });
          for (const _ of change.twice ? [1, 2] : [1]) expect(await store.commitLoop(commit)).toBe(!change.late);
          if (change.late) continue;
          for (const { chunk, states } of change.chunks) expected[chunk] = states;
          requests += change.requests;
        }
        const all = histogram(Uint8Array.from(expected.flatMap((chunk) => [...chunk])));
        const counted = await store.countLoop(loop);
        expect(counted).toEqual({ rows: countsFromHistogram(all), requests, inDoubt: all[ROW_STATE.sending] });
        const { read, ...outcomes } = counted.rows;
        expect(read).toBe(23);
        expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(read);
        for (const [chunk, bytes] of expected.entries())
          expect([...(await store.readStates(loop, chunk))]).toEqual([...bytes]);
        const open = expected.findIndex((bytes) => bytes.some((byte) => byte <= ROW_STATE.sending));
        expect(await store.nextOpenChunk(loop, 0)).toBe(open === -1 ? null : open);
      }),
      { numRuns: 40 },
    );
  });

  test('a commit sent again after a lost answer counts once; the next one counts', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [1]);
    const sent = aCommit(epoch, {
      chunks: [{ chunk: 0, states: states('sending') }],
      requests: 4,
      seq: { writer: 'a', number: 1 },
    });
    const settled = aCommit(epoch, {
      chunks: [{ chunk: 0, states: states('delivered') }],
      requests: 1,
      seq: { writer: 'a', number: 2 },
    });
    for (const commit of [sent, sent, settled, settled]) expect(await store.commitLoop(commit)).toBe(true);
    expect(await store.commitLoop(aCommit(epoch, { requests: 2, seq: { writer: 'b', number: 1 } }))).toBe(true);
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 7, rows: { delivered: 1 } });
  });

  test('a commit that comes late, after the next one of its writer, is taken as done and changes nothing', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [1]);
    const numbered = (number: number, state: 'sending' | 'delivered') =>
      aCommit(epoch, { chunks: [{ chunk: 0, states: states(state) }], requests: 1, seq: { writer: 'a', number } });
    for (const commit of [numbered(9, 'sending'), numbered(10, 'delivered'), numbered(9, 'sending')])
      expect(await store.commitLoop(commit)).toBe(true);
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 2, inDoubt: 0, rows: { delivered: 1 } });
  });

  test('commits without a number are all counted', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [1]);
    const second = await place.open();
    for (const each of [store, second, store])
      expect(await each.commitLoop(aCommit(epoch, { requests: 1 }))).toBe(true);
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 3 });
  });

  test('a commit that cannot be written whole is not written at all', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [1]);
    const broken = { ...aRecord(0), attempts: null as unknown as number };
    const commit = aCommit(epoch, {
      chunks: [{ chunk: 0, states: states('rejected') }],
      records: [broken],
      requests: 1,
    });
    await expect(store.commitLoop(commit)).rejects.toMatchObject({ code: 'STATE_FAILED', retry: false });
    expect(await store.countLoop(KEY)).toMatchObject({ requests: 0, rows: { not_attempted: 1 } });
    expect(await store.commitLoop({ ...commit, records: [aRecord(0)] })).toBe(true);
  });

  test('commits at once from several openings are all there', async () => {
    const stores = await Promise.all([place.open(), place.open(), place.open()]);
    const epoch = await aLoop(
      stores[0] as (typeof stores)[0],
      Array.from({ length: 60 }, () => 1),
    );
    const all = Array.from({ length: 60 }, (_, chunk) =>
      stores[chunk % 3]?.commitLoop(
        aCommit(epoch, { chunks: [{ chunk, states: states('delivered') }], records: [aRecord(chunk)], requests: 1 }),
      ),
    );
    expect(await Promise.all(all)).toEqual(all.map(() => true));
    expect(await stores[0]?.countLoop(KEY)).toMatchObject({ requests: 60, rows: { delivered: 60 } });
    expect(await stores[0]?.readRecords(KEY, {})).toHaveLength(60);
  });

  test('one row named twice in a commit ends as it was named last', async () => {
    const store = await place.open();
    const epoch = await aLoop(store, [2]);
    const chunks = [
      { chunk: 0, states: states('sending', 'sending') },
      { chunk: 0, states: states('delivered', 'failed') },
    ];
    const records = [aRecord(1), aRecord(1, { outcome: 'failed' })];
    await store.commitLoop(aCommit(epoch, { chunks, records }));
    expect(await store.readRecords(KEY, {})).toEqual([aRecord(1, { outcome: 'failed' })]);
    expect(await store.countLoop(KEY)).toMatchObject({ rows: { delivered: 1, failed: 1 } });
  });
}
