/** The limiter on a clock that the test holds: never over a window, fair, honest about permits that were not used. */
import { jest } from '@jest/globals';
import fc from 'fast-check';
import type { HttpConnectionPlan, LimitPlan } from '../../../src/contracts/plan.ts';
import { limitsTime } from '../../../src/core/limits-time.ts';
import type { PermitStore } from '../../../src/core/permits.ts';
import type { Permit } from '../../../src/http/http-client.ts';
import { type OpenLimiter, openLimiter } from '../../../src/http/limiter.ts';
import { connection } from '../../contract/http/fixture.ts';
import { MemoryPermits } from '../../doubles/memory-permits.ts';

const now = () => performance.now();
const never = new AbortController().signal;
const everyTen: LimitPlan = { requests: 10, perMs: 10_000, paths: null };

beforeEach(() => {
  jest.useFakeTimers();
});
afterEach(() => {
  jest.useRealTimers();
});

function limiterOf(store: PermitStore, change: Partial<HttpConnectionPlan> = {}): OpenLimiter {
  return openLimiter(connection('http://x.test', { limits: [everyTen], ...change }), {
    permits: store,
    now,
    wallClock: () => Date.now(),
    random: Math.random,
  });
}

/** Permits that are in hand after a while. */
async function inHand(wanted: Promise<Permit>[], ms = 0): Promise<number> {
  let count = 0;
  for (const one of wanted)
    one.then(
      () => count++,
      () => {},
    );
  await jest.advanceTimersByTimeAsync(ms);
  return count;
}

function ask(limiter: OpenLimiter, count: number, taker = 'loop'): Promise<Permit>[] {
  return Array.from({ length: count }, () => limiter.permit('/x', taker, never));
}

describe('windows', () => {
  test('as many as the window holds at once, the rest when it frees', async () => {
    const limiter = limiterOf(new MemoryPermits(now));
    const asked = ask(limiter, 25);
    expect(await inHand(asked)).toBe(10);
    for (const permit of await Promise.all(asked.slice(0, 10))) permit.answered();
    expect(await inHand(asked, 9_900)).toBe(10);
    expect(await inHand(asked, 500)).toBe(20);
  });

  test('a reserve is left to others, but never all', async () => {
    expect(await inHand(ask(limiterOf(new MemoryPermits(now), { reserve: 0.25 }), 20))).toBe(7);
    expect(await inHand(ask(limiterOf(new MemoryPermits(now), { reserve: 0.99 }), 20))).toBe(1);
  });

  test('all windows hold, each over the paths that it names', async () => {
    const limits = [everyTen, { requests: 2, perMs: 1_000, paths: ['/objects/*/search', '/v4/**'] }];
    const limiter = limiterOf(new MemoryPermits(now), { limits });
    const at = (path: string) => Array.from({ length: 5 }, () => limiter.permit(path, 'loop', never));
    expect(await inHand(at('/objects/deals/search'))).toBe(2);
    expect(await inHand(at('/v4/a/b'))).toBe(0);
    expect(await inHand(at('/objects/deals/1'))).toBe(5);
    expect(await inHand(at('/objects/a/b/search'))).toBe(3);
  });

  test('paths that no window counts are free', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: [{ requests: 1, perMs: 1_000, paths: ['/slow'] }] });
    expect(await inHand(Array.from({ length: 5 }, () => limiter.permit('/fast', 'loop', never)))).toBe(5);
  });

  test('whatever the latencies, no span of the window as the server sees it holds more', async () => {
    const latencies = fc.array(fc.integer({ min: 0, max: 3_000 }), { minLength: 30, maxLength: 60 });
    await fc.assert(
      fc.asyncProperty(latencies, fc.integer({ min: 1, max: 3 }), async (ms, processes) => {
        const arrivals = await sendAll(ms, processes);
        expect(arrivals).toHaveLength(ms.length);
        for (const [i, at] of arrivals.entries())
          expect((arrivals[i + 10] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(10_000);
      }),
      { numRuns: 20 },
    );
  });
});

/** Requests of given latencies through limiters that share a store; arrival is anywhere between leaving and answer. */
async function sendAll(latencies: number[], processes: number): Promise<number[]> {
  const store = new MemoryPermits(now);
  const limiters = Array.from({ length: processes }, () => limiterOf(store));
  const arrivals: number[] = [];
  const sent = latencies.map(async (ms, i) => {
    const permit = await (limiters[i % processes] as OpenLimiter).permit('/x', `loop-${i % 2}`, never);
    expect(permit.fresh()).toBe(true);
    arrivals.push(now() + (ms * (i % 5)) / 4);
    await new Promise((resolve) => setTimeout(resolve, ms));
    permit.answered();
  });
  let open = true;
  const all = Promise.all(sent).then(() => {
    open = false;
  });
  while (open) await jest.advanceTimersByTimeAsync(100);
  await all;
  await Promise.all(limiters.map((limiter) => limiter.close()));
  return arrivals.sort((a, b) => a - b);
}

describe('how long limits make requests take that are only counted', () => {
  const hubspot = [
    { requests: 190, perMs: 10_000, paths: null },
    { requests: 5, perMs: 1_000, paths: ['/crm/v3/objects/*/search'] },
  ];
  const counted = (limiter: OpenLimiter, connection: string, path: string, requests: number) =>
    Array.from({ length: requests }, () =>
      limiter.windowsOf(path).map((window) => ({ ...window, connection, counted: 1 })),
    ).flat();

  test.each([
    [{ '/crm/v3/objects/deals/1': 190 }, 0],
    [{ '/crm/v3/objects/deals/1': 1_000 }, 50_000],
    [{ '/crm/v3/objects/deals/search': 60 }, 11_000],
    [{ '/crm/v3/objects/deals/1': 200, '/crm/v3/objects/deals/search': 100 }, 19_000],
  ])('%j', (requests, ms) => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: hubspot });
    const windows = Object.entries(requests).flatMap(([path, count]) => counted(limiter, 'api', path, count));
    expect(limitsTime(windows)).toBe(ms);
  });

  test('a share is left to others; connections are added up, as steps wait for each other', () => {
    const windows = ['a', 'b'].flatMap((name) => {
      const limiter = limiterOf(new MemoryPermits(now), { name, reserve: 0.5 });
      return counted(limiter, name, '/x', 11);
    });
    expect(limitsTime(windows)).toBe(40_000);
  });
});

describe('fairness', () => {
  test('takers get permits in turn, however many each asks for', async () => {
    const limiter = limiterOf(new MemoryPermits(now));
    const greedy = ask(limiter, 50, 'greedy');
    const modest = ask(limiter, 5, 'modest');
    expect(await inHand(modest)).toBe(5);
    expect(await inHand(greedy)).toBe(5);
  });

  test('places in flight are handed over in turn', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { maxInFlight: 1 });
    const order: string[] = [];
    expect(limiter.enter()).toBeUndefined();
    const second = limiter.enter()?.then(() => order.push('second'));
    const third = limiter.enter()?.then(() => order.push('third'));
    limiter.leave();
    await second;
    expect(order).toEqual(['second']);
    limiter.leave();
    await third;
    limiter.leave();
    expect(limiter.enter()).toBeUndefined();
  });
});

describe('permits in hand', () => {
  test('one that is not used within a second may not be used', async () => {
    const [permit] = await Promise.all(ask(limiterOf(new MemoryPermits(now)), 1));
    expect(permit?.fresh()).toBe(true);
    await jest.advanceTimersByTimeAsync(1_000);
    expect(permit?.fresh()).toBe(false);
  });

  test('what is not used goes back to the store and is there for others', async () => {
    const store = new MemoryPermits(now);
    const permits = await Promise.all(ask(limiterOf(store), 10));
    const other = ask(limiterOf(store), 10);
    expect(await inHand(other)).toBe(0);
    for (const permit of permits.slice(0, 4)) permit.unused();
    expect(await inHand(other, 400)).toBe(4);
  });

  test('what was taken ahead goes back when nobody comes', async () => {
    const store = new MemoryPermits(now);
    const limits = [{ requests: 1_000, perMs: 10_000, paths: null }];
    const limiter = limiterOf(store, { limits });
    for (let i = 0; i < 100; i++) (await Promise.all(ask(limiter, 1)))[0]?.answered();
    expect(store.asked.length).toBeLessThan(50);
    await jest.advanceTimersByTimeAsync(2_000);
    expect(store.held({ id: 'api 10000', requests: 1_000, perMs: 10_000 })).toBe(100);
  });

  test('a request that takes long keeps its permit counted, and ends it once', async () => {
    const store = new MemoryPermits(now);
    const limits = [{ requests: 1, perMs: 1_000, paths: null }];
    const limiter = limiterOf(store, { limits });
    const [permit] = await Promise.all(ask(limiter, 1));
    const next = ask(limiter, 1);
    expect(await inHand(next, 30_000)).toBe(0);
    permit?.answered();
    permit?.unused();
    expect(await inHand(next, 900)).toBe(0);
    expect(await inHand(next, 500)).toBe(1);
  });

  test('closing hands everything back and reports', async () => {
    const store = new MemoryPermits(now);
    const limiter = limiterOf(store);
    const [used, ...rest] = await Promise.all(ask(limiter, 5));
    used?.answered();
    for (const permit of rest) permit.unused();
    await limiter.close();
    expect(store.held({ id: 'api 10000', requests: 10, perMs: 10_000 })).toBe(1);
  });
});

describe('pauses', () => {
  const searches = [{ requests: 5, perMs: 1_000, paths: ['/search'] }];

  test('nobody gets a permit, and those in hand may not be used', async () => {
    const limiter = limiterOf(new MemoryPermits(now));
    const [early] = await Promise.all(ask(limiter, 1));
    await limiter.pause(5_000);
    expect(early?.fresh()).toBe(false);
    expect(limiter.pausedFor()).toBe(5_000);
    const late = ask(limiter, 1);
    expect(await inHand(late, 4_900)).toBe(0);
    expect(await inHand(late, 200)).toBe(1);
  });

  test('a pause that is in force is known from the beginning', async () => {
    const store = new MemoryPermits(now);
    await limiterOf(store, { limits: [] }).pause(5_000);
    for (const limits of [[], searches]) {
      const limiter = limiterOf(store, { limits });
      await limiter.ready;
      expect(limiter.pausedFor()).toBe(5_000);
      await limiter.close();
    }
  });

  test('a pause by another process is known when permits are asked for', async () => {
    const store = new MemoryPermits(now);
    const limiter = limiterOf(store);
    await limiterOf(store).pause(3_000);
    const asked = ask(limiter, 1);
    expect(await inHand(asked)).toBe(0);
    expect(limiter.pausedFor()).toBe(3_000);
    expect(await inHand(asked, 3_100)).toBe(1);
  });

  test.each([
    ['without limits', []],
    ['for paths that no limit counts', searches],
  ])('by another process too, %s', async (_where, limits) => {
    const store = new MemoryPermits(now);
    const limiter = limiterOf(store, { limits });
    expect(limiter.unlimited).toBe(limits.length === 0);
    const [permit] = await Promise.all(ask(limiter, 1));
    expect(permit?.fresh()).toBe(true);
    await limiterOf(store, { limits }).pause(10_000);
    await jest.advanceTimersByTimeAsync(1_000);
    await limiter.enter();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(limiter.pausedFor()).toBe(8_000);
    expect(permit?.fresh()).toBe(false);
    const late = ask(limiter, 1);
    expect(await inHand(late, 7_500)).toBe(0);
    expect(await inHand(late, 1_000)).toBe(1);
  });
});

describe('long waits park', () => {
  const parks = { code: 'REMOTE_LIMIT_PARK', retry: true };

  test('for a daily limit that is used up', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: [{ requests: 1, perMs: 86_400_000, paths: null }] });
    const [first, second] = ask(limiter, 2);
    const outcome = second?.catch((error) => error);
    (await first)?.answered();
    await jest.advanceTimersByTimeAsync(1_000);
    const error = await outcome;
    expect(error).toMatchObject(parks);
    expect(error.retryAfterMs).toBeGreaterThan(80_000_000);
  });

  test('for a pause of more than a minute, with and without limits', async () => {
    for (const limits of [[everyTen], []]) {
      const limiter = limiterOf(new MemoryPermits(now), { limits });
      await limiter.pause(3_600_000);
      await expect(limiter.permit('/x', 'loop', never)).rejects.toMatchObject({ ...parks, retryAfterMs: 3_600_000 });
    }
  });

  test('those who wait already are told', async () => {
    const limiter = limiterOf(new MemoryPermits(now));
    const asked = ask(limiter, 11);
    await Promise.all(asked.slice(0, 10));
    const last = asked[10]?.catch((error) => error);
    await limiter.pause(3_600_000);
    await jest.advanceTimersByTimeAsync(250);
    expect(await last).toMatchObject(parks);
  });
});

describe('trouble', () => {
  test('who gives up leaves the line, and the others move up', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: [{ requests: 1, perMs: 1_000, paths: null }] });
    const [held] = await Promise.all(ask(limiter, 1));
    const stop = new AbortController();
    const gone = limiter.permit('/x', 'loop', stop.signal);
    const next = ask(limiter, 1);
    stop.abort(new Error('enough'));
    await expect(gone).rejects.toThrow('enough');
    await expect(limiter.permit('/x', 'loop', AbortSignal.abort(new Error('late')))).rejects.toThrow('late');
    held?.unused();
    expect(await inHand(next, 400)).toBe(1);
  });

  test('a store that is away is the waiters’ error; reports are made again when it is back', async () => {
    const store = new MemoryPermits(now);
    let away = false;
    const flaky: PermitStore = {
      takePermits: (request) => (away ? Promise.reject(new Error('away')) : store.takePermits(request)),
      reportPermits: (reports) => (away ? Promise.reject(new Error('away')) : store.reportPermits(reports)),
      pauseConnection: (name, ms) => store.pauseConnection(name, ms),
      noteForeign: (window, requests) => store.noteForeign(window, requests),
    };
    const limiter = limiterOf(flaky);
    const [permit] = await Promise.all(ask(limiter, 1));
    away = true;
    await expect(limiter.permit('/x', 'loop', never)).rejects.toThrow('away');
    permit?.answered();
    await jest.advanceTimersByTimeAsync(1_000);
    expect(store.reported.flatMap(({ answered }) => answered)).toEqual([]);
    away = false;
    await jest.advanceTimersByTimeAsync(1_000);
    expect(store.reported.flatMap(({ answered }) => answered)).toHaveLength(1);
    expect(await inHand(ask(limiter, 1))).toBe(1);
  });
});

describe('what the server’s headers say', () => {
  const hubspot = (remaining: number) => ({
    'x-hubspot-ratelimit-max': '100',
    'x-hubspot-ratelimit-remaining': String(remaining),
    'x-hubspot-ratelimit-interval-milliseconds': '10000',
  });
  const hundred = [{ requests: 100, perMs: 10_000, paths: null }];

  test('less is left than we think: others use it too', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: hundred });
    limiter.observe(hubspot(10));
    expect(await inHand(ask(limiter, 50), 100)).toBeLessThanOrEqual(15);
  });

  test('what we used ourselves is not counted twice', async () => {
    const store = new MemoryPermits(now);
    const limiter = limiterOf(store, { limits: hundred });
    await Promise.all(ask(limiter, 60));
    limiter.observe(hubspot(40));
    expect(await inHand(ask(limiter, 50))).toBe(40);
  });

  test('a limit that we do not know, used up, pauses until it starts anew', async () => {
    const limiter = limiterOf(new MemoryPermits(now), { limits: [] });
    limiter.observe({ 'ratelimit-remaining': '3', 'ratelimit-reset': '7' });
    expect(limiter.pausedFor()).toBe(0);
    limiter.observe({ 'ratelimit-remaining': '0', 'ratelimit-reset': '7' });
    expect(limiter.pausedFor()).toBe(7_000);
  });
});
