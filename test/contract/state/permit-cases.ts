/** Permits by a clock of the test's own: what counts, until when, and who gets how many. */
import fc from 'fast-check';
import type { PermitGrant, PermitRequest, PermitStore, Window } from '../../../src/core/permits.ts';
import type { Place } from './suite.ts';

const WINDOW: Window = { id: 'hubspot/0', requests: 10, perMs: 10_000 };
const START = 1_763_000_000_000;

function ask(want: number, change: Partial<PermitRequest> = {}): PermitRequest {
  return { connection: 'hubspot', windows: [WINDOW], want, taker: 'a', ...change };
}

/** A clock to be turned by hand. */
function handClock() {
  const clock = { now: START, read: () => clock.now };
  return clock;
}

export function permitCases(place: Place): void {
  const opened = async () => {
    const clock = handClock();
    return { clock, store: await place.open({ clock: clock.read }) };
  };
  const settle = (
    store: PermitStore,
    grant: PermitGrant,
    change: { answered?: number[]; unused?: number; outstanding?: number; windows?: Window[] },
  ) =>
    store.reportPermits([
      { block: grant.block, windows: [WINDOW], answered: [], unused: 0, outstanding: 0, ...change },
    ]);

  test('a window gives what it has, then says when to ask again', async () => {
    const { store, clock } = await opened();
    expect(await store.takePermits(ask(7))).toMatchObject({ granted: 7, retryInMs: 0, reason: null });
    expect(await store.takePermits(ask(7))).toMatchObject({ granted: 3, reason: null });
    expect(await store.takePermits(ask(7))).toMatchObject({ granted: 0, reason: 'window', retryInMs: 10_000 });
    clock.now += 4_000;
    expect(await store.takePermits(ask(7))).toMatchObject({ granted: 0, retryInMs: 6_000 });
  });

  test('every block has a name of its own', async () => {
    const { store } = await opened();
    const grants = [await store.takePermits(ask(1)), await store.takePermits(ask(1)), await store.takePermits(ask(1))];
    expect(new Set(grants.map((grant) => grant.block)).size).toBe(3);
  });

  test('a permit counts until W after its answer', async () => {
    const { store, clock } = await opened();
    const grant = await store.takePermits(ask(10));
    clock.now += 3_000;
    await settle(store, grant, { answered: Array.from({ length: 10 }, () => 497) });
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 0, retryInMs: expect.any(Number) });
    clock.now = START + 2_503 + WINDOW.perMs - 1;
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 0 });
    clock.now += 21;
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 10 });
  });

  test('asking again when told to is never too early nor 20 ms too late', async () => {
    const { store, clock } = await opened();
    const grant = await store.takePermits(ask(10));
    clock.now += 777;
    await settle(store, grant, { answered: [5, 100, 100, 333, 400, 400, 500, 600, 700, 777] });
    const { retryInMs } = await store.takePermits(ask(10));
    clock.now += retryInMs;
    expect(clock.now).toBeGreaterThanOrEqual(START + WINDOW.perMs);
    expect(clock.now).toBeLessThanOrEqual(START + WINDOW.perMs + 20);
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 1 });
  });

  test('permits handed back are free at once', async () => {
    const { store } = await opened();
    const grant = await store.takePermits(ask(10));
    await settle(store, grant, { answered: [0], unused: 9 });
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 9 });
  });

  test("a dead process's permits free themselves 1 s, W and an allowance after they were taken", async () => {
    const { store, clock } = await opened();
    await store.takePermits(ask(10));
    clock.now = START + 1_000 + WINDOW.perMs;
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 0 });
    clock.now = START + 2_000 + WINDOW.perMs;
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 10 });
  });

  test('permits under way count as long as they are reported so', async () => {
    const { store, clock } = await opened();
    const grant = await store.takePermits(ask(10));
    for (let second = 0; second < 30; second += 1) {
      clock.now += 1_000;
      await settle(store, grant, { outstanding: 10 });
    }
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 0 });
    await settle(store, grant, { answered: Array.from({ length: 9 }, () => 0), outstanding: 1 });
    clock.now += WINDOW.perMs + 20;
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 9 });
  });

  test('a report that comes after its block was given up counts all the same', async () => {
    const { store, clock } = await opened();
    const grant = await store.takePermits(ask(10));
    clock.now += 20_000;
    await settle(store, grant, { answered: [0, 1, 2], unused: 3, outstanding: 4 });
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 3 });
  });

  test('a report that arrives twice frees nothing', async () => {
    const { store } = await opened();
    const grant = await store.takePermits(ask(10));
    const report = { answered: [0], unused: 2, outstanding: 7 };
    await settle(store, grant, report);
    await settle(store, grant, report);
    expect((await store.takePermits(ask(10))).granted).toBeLessThanOrEqual(2);
  });

  test('of several windows all must have room', async () => {
    const { store, clock } = await opened();
    const day: Window = { id: 'hubspot/1', requests: 15, perMs: 86_400_000 };
    const windows = [WINDOW, day];
    const grant = await store.takePermits(ask(20, { windows }));
    expect(grant.granted).toBe(10);
    await settle(store, grant, { windows, answered: Array.from({ length: 10 }, () => 0) });
    clock.now += 10_020;
    const second = await store.takePermits(ask(20, { windows }));
    expect(second.granted).toBe(5);
    await settle(store, second, { windows, answered: [0, 0, 0, 0], unused: 1 });
    const third = await store.takePermits(ask(20, { windows }));
    expect(third.granted).toBe(1);
    await settle(store, third, { windows, answered: [0] });
    const none = await store.takePermits(ask(1, { windows }));
    expect(none.granted).toBe(0);
    expect(START + 86_400_000 - clock.now).toBeLessThanOrEqual(none.retryInMs);
    expect(none.retryInMs).toBeLessThanOrEqual(START + 86_400_000 + 60_000 - clock.now);
    expect(await store.takePermits(ask(9))).toMatchObject({ granted: 5 });
  });

  test('without windows all that is wanted is given', async () => {
    const { store } = await opened();
    expect(await store.takePermits(ask(1_000, { windows: [] }))).toMatchObject({ granted: 1_000, reason: null });
  });

  test('a pause holds for everyone; the later of two counts', async () => {
    const { store, clock } = await opened();
    const other = await place.open({ clock: clock.read });
    await store.pauseConnection('hubspot', 5_000);
    await other.pauseConnection('hubspot', 2_000);
    expect(await other.takePermits(ask(1, { taker: 'b' }))).toMatchObject({
      granted: 0,
      reason: 'paused',
      retryInMs: 5_000,
    });
    expect(await other.takePermits(ask(1, { connection: 'slack', windows: [] }))).toMatchObject({ granted: 1 });
    await store.pauseConnection('hubspot', 7_000);
    clock.now += 6_999;
    expect(await store.takePermits(ask(1))).toMatchObject({ granted: 0, reason: 'paused', retryInMs: 1 });
    clock.now += 1;
    expect(await store.takePermits(ask(1))).toMatchObject({ granted: 1 });
  });

  test('who wants none is told of a pause, and waits for nothing', async () => {
    const { store } = await opened();
    const look = ask(0, { windows: [], taker: 'watch' });
    expect(await store.takePermits(look)).toMatchObject({ granted: 0, reason: 'window' });
    await store.pauseConnection('hubspot', 5_000);
    expect(await store.takePermits(look)).toMatchObject({ granted: 0, reason: 'paused', retryInMs: 5_000 });
  });

  test('requests of other programs take room for W', async () => {
    const { store, clock } = await opened();
    await store.noteForeign(WINDOW, 8);
    await store.noteForeign(WINDOW, 0);
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 2 });
    clock.now += WINDOW.perMs + 20;
    expect((await store.takePermits(ask(10))).granted).toBe(8);
  });

  test('several processes that note the same at once count it once', async () => {
    const { store, clock } = await opened();
    const others = await Promise.all([1, 2, 3].map(() => place.open({ clock: clock.read })));
    for (let round = 0; round < 20; round++) {
      const windows = [{ ...WINDOW, id: `hubspot/noted-${round}` }];
      await Promise.all([store, ...others].map((each) => each.noteForeign(windows[0] as Window, 4)));
      expect(await store.takePermits(ask(10, { windows }))).toMatchObject({ granted: 6 });
    }
  });

  test('more foreign requests than the limit leave nothing, not less', async () => {
    const { store } = await opened();
    await store.noteForeign(WINDOW, 25);
    expect(await store.takePermits(ask(10))).toMatchObject({ granted: 0, reason: 'window' });
  });

  test('who waits gets an even share when permits free', async () => {
    const { store, clock } = await opened();
    await settle(store, await store.takePermits(ask(10)), { answered: Array.from({ length: 10 }, () => 0) });
    expect(await store.takePermits(ask(10, { taker: 'b' }))).toMatchObject({ granted: 0 });
    clock.now += WINDOW.perMs + 20;
    // a asks as often as it likes, and still leaves b its half.
    expect((await store.takePermits(ask(10))).granted).toBe(5);
    expect((await store.takePermits(ask(10))).granted).toBe(0);
    expect((await store.takePermits(ask(10, { taker: 'b' }))).granted).toBe(5);
  });

  test('a share that nobody comes for is given to who does', async () => {
    const { store, clock } = await opened();
    await settle(store, await store.takePermits(ask(10)), { answered: Array.from({ length: 10 }, () => 0) });
    await store.takePermits(ask(10, { taker: 'gone' }));
    clock.now += WINDOW.perMs + 20;
    expect((await store.takePermits(ask(10))).granted).toBe(5);
    const { retryInMs } = await store.takePermits(ask(10));
    expect(retryInMs).toBeLessThanOrEqual(2_000);
    clock.now += retryInMs;
    expect((await store.takePermits(ask(10))).granted).toBe(5);
  });

  test('for who was told to come later nothing is kept before', async () => {
    const { store } = await opened();
    const grant = await store.takePermits(ask(10));
    expect(await store.takePermits(ask(10, { taker: 'b' }))).toMatchObject({ granted: 0, retryInMs: 10_000 });
    await settle(store, grant, { unused: 10 });
    expect((await store.takePermits(ask(10))).granted).toBe(10);
  });

  test('who wants little is not kept more', async () => {
    const { store, clock } = await opened();
    await settle(store, await store.takePermits(ask(10)), { answered: Array.from({ length: 10 }, () => 0) });
    await store.takePermits(ask(2, { taker: 'b' }));
    clock.now += WINDOW.perMs + 20;
    expect((await store.takePermits(ask(10))).granted).toBe(8);
    expect((await store.takePermits(ask(2, { taker: 'b' }))).granted).toBe(2);
  });

  test('whatever is taken, reported and waited for, no window ever holds more than its limit', async () => {
    const { store, clock } = await opened();
    const step = fc.record({
      wait: fc.integer({ min: 0, max: 1_500 }),
      taker: fc.constantFrom('a', 'b', 'c'),
      want: fc.integer({ min: 1, max: 8 }),
      latency: fc.integer({ min: 0, max: 900 }),
      sent: fc.integer({ min: 0, max: 8 }),
    });
    let made = 0;
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const window: Window = { id: `w${made++}`, requests: 6, perMs: 2_000 };
        const spans: { from: number; to: number }[] = [];
        for (const { wait, taker, want, latency, sent } of steps) {
          clock.now += wait;
          const takenAt = clock.now;
          const grant = await store.takePermits({ connection: window.id, windows: [window], want, taker });
          if (grant.granted === 0) continue;
          clock.now += latency;
          const answered = Array.from({ length: Math.min(sent, grant.granted) }, () => latency / 2);
          for (const age of answered) spans.push({ from: takenAt, to: clock.now - age });
          await store.reportPermits([
            {
              block: grant.block,
              windows: [window],
              answered,
              unused: grant.granted - answered.length,
              outstanding: 0,
            },
          ]);
        }
        // The server may have seen a request at any moment of its span: no window may touch more than the limit.
        for (const { from } of spans)
          expect(spans.filter((span) => span.to > from - window.perMs && span.from <= from).length).toBeLessThanOrEqual(
            6,
          );
      }),
      { numRuns: 30 },
    );
  });
}
