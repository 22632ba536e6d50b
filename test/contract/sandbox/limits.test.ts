/** Rate limits, by a clock that the test turns: exact windows, headers, and what the referee counts. */
import fc from 'fast-check';
import { RateLimits } from '../../../src/sandbox/rate-limits.ts';
import { RollingWindow } from '../../../src/sandbox/rolling-window.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { ask, DEALS, update } from './ask.ts';

const DAY_MS = 86_400_000;
const gaps = fc.array(fc.oneof(fc.constant(0), fc.nat(5), fc.nat(60)), { maxLength: 600 });
const inWindow = (times: number[], at: number, span: number) => times.filter((t) => t > at - span && t <= at).length;

/** Limits as given, the others off. */
const limits = (requests: number, perMs: number) => ({
  requests,
  perMs,
  daily: null,
  searchesPerSecond: null,
  retryAfter: false,
});

test('the window counts as a naive one does', () => {
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 100 }), (all, span) => {
      const window = new RollingWindow(span);
      const times: number[] = [];
      let at = 0;
      for (const gap of all) {
        at += gap;
        times.push(at);
        expect(window.add(at)).toBe(inWindow(times, at, span));
      }
      expect(window.count(at + 7)).toBe(inWindow(times, at + 7, span));
    }),
  );
});

test('no rolling window ever holds more accepted requests than allowed, and none is refused without need', () => {
  fc.assert(
    fc.property(gaps, fc.integer({ min: 1, max: 20 }), fc.integer({ min: 1, max: 100 }), (all, allowed, span) => {
      const limiter = new RateLimits(limits(allowed, span));
      const accepted: number[] = [];
      const arrived: number[] = [];
      let at = 0;
      let most = 0;
      for (const gap of all) {
        at += gap;
        arrived.push(at);
        most = Math.max(most, inWindow(arrived, at, span));
        const before = inWindow(accepted, at, span);
        const refusal = limiter.take('t', at, false);
        expect(refusal === null).toBe(before < allowed);
        if (refusal === null) accepted.push(at);
      }
      const report = limiter.report();
      expect(report.mostInWindow).toBe(most);
      expect(report.over).toBe(Math.max(0, most - allowed));
      expect(report.limited).toBe(arrived.length - accepted.length);
    }),
  );
});

describe('over HTTP', () => {
  let now: number;
  let sandbox: Sandbox;
  const start = async (settings: Parameters<typeof startSandbox>[0]) => {
    now = 20_000 * DAY_MS;
    sandbox = await startSandbox({ deals: 10, clock: () => now, ...settings });
  };
  const send = async () => (await update(sandbox, 1, { amount: '1' })).status;
  afterEach(() => sandbox.stop());

  test('the window rolls: it frees as each request leaves it, not all at once', async () => {
    await start({ limits: { requests: 3, perMs: 10_000 } });
    expect(await send()).toBe(200);
    now += 9000;
    expect(await send()).toBe(200);
    expect(await send()).toBe(200);
    expect(await send()).toBe(429);
    now += 999;
    expect(await send()).toBe(429);
    now += 1;
    expect(await send()).toBe(200);
    expect(await send()).toBe(429);
    now += 9000;
    expect([await send(), await send(), await send()]).toEqual([200, 200, 429]);
    const state = sandbox.state();
    expect(state.limits).toMatchObject({ limit: 3, perMs: 10_000, mostInWindow: 6, over: 3, limited: 4 });
    expect(state.byStatus).toEqual({ 200: 6, 429: 4 });
    expect(sandbox.deal('1')).toMatchObject({ received: 10, applied: 6 });
  });

  test('a 429 has the body and headers of HubSpot; every reply tells what is left', async () => {
    await start({ limits: { requests: 2, daily: 50 } });
    const first = await update(sandbox, 1, { amount: '1' });
    expect(first.headers).toMatchObject({
      'x-hubspot-ratelimit-max': '2',
      'x-hubspot-ratelimit-remaining': '1',
      'x-hubspot-ratelimit-interval-milliseconds': '10000',
      'x-hubspot-ratelimit-daily': '50',
      'x-hubspot-ratelimit-daily-remaining': '49',
    });
    await send();
    const refused = await update(sandbox, 1, { amount: '1' });
    expect(refused.body).toMatchObject({
      status: 'error',
      message: 'You have reached your ten_secondly_rolling limit.',
      errorType: 'RATE_LIMIT',
      policyName: 'TEN_SECONDLY_ROLLING',
    });
    expect(refused.headers['x-hubspot-ratelimit-remaining']).toBe('0');
    expect(refused.headers['retry-after']).toBeUndefined();
  });

  test('Retry-After says when the next one may come, in whole seconds', async () => {
    await start({ limits: { requests: 1, retryAfter: true } });
    await send();
    now += 2500;
    expect((await update(sandbox, 1, { amount: '1' })).headers['retry-after']).toBe('8');
  });

  test('the day is the account’s, ends at midnight, and outlasts the window', async () => {
    await start({ limits: { requests: 100, daily: 2 } });
    expect([await send(), await send()]).toEqual([200, 200]);
    now += 3_600_000;
    const other = await ask(sandbox, `GET ${DEALS}/1`, { token: 'another' });
    expect(other.status).toBe(429);
    expect(other.body.policyName).toBe('DAILY');
    const usage = await ask(sandbox, 'GET /account-info/2026-03/api-usage/daily/private-apps');
    expect(usage.status).toBe(429);
    now += DAY_MS;
    const fresh = await ask(sandbox, 'GET /account-info/2026-03/api-usage/daily/private-apps');
    expect(fresh.body.results[0]).toMatchObject({ usageLimit: 2, currentUsage: 1, resetsAt: '2024-10-06T00:00:00Z' });
  });

  test('each token has a window of its own; who is not let in uses none', async () => {
    await start({ limits: { requests: 1 } });
    expect((await ask(sandbox, `GET ${DEALS}/1`, { token: null })).status).toBe(401);
    expect((await ask(sandbox, `GET ${DEALS}/1`, { token: 'a' })).status).toBe(200);
    expect((await ask(sandbox, `GET ${DEALS}/1`, { token: 'b' })).status).toBe(200);
    expect((await ask(sandbox, `GET ${DEALS}/1`, { token: 'a' })).status).toBe(429);
    expect(sandbox.state().limits.mostInWindow).toBe(2);
  });

  test('searches have a lower limit of their own and tell of none', async () => {
    await start({ limits: { searchesPerSecond: 2 } });
    const search = () => ask(sandbox, `POST ${DEALS}/search`, { body: {} });
    const first = await search();
    expect(first.status).toBe(200);
    expect(first.headers['x-hubspot-ratelimit-max']).toBeUndefined();
    await search();
    expect((await search()).body.message).toBe('You have reached your secondly limit.');
    expect(await send()).toBe(200);
    now += 1000;
    expect((await search()).status).toBe(200);
  });

  test('without limits nothing is refused or announced, and the window is counted all the same', async () => {
    await start({ limits: null });
    const answers = await Promise.all(Array.from({ length: 300 }, () => update(sandbox, 1, { amount: '1' })));
    expect(answers.filter((answer) => answer.status !== 200)).toEqual([]);
    expect(answers[0]?.headers['x-hubspot-ratelimit-max']).toBeUndefined();
    expect(sandbox.state().limits).toMatchObject({ limit: null, mostInWindow: 300, over: 0 });
  });
});
