/** What servers say about waiting and about what is left. */
import { backoffMs } from '../../../src/core/backoff.ts';
import { pauseMs, readRates, retryAfterMs } from '../../../src/http/rate-headers.ts';
import { createRedactor } from '../../../src/http/redact.ts';

const NOW = Date.parse('2026-01-01T00:00:00Z');
const MINUTE_AGO = new Date(NOW - 60_000).toUTCString();
const MOST_MS = 25 * 3_600_000;

describe('how long to wait', () => {
  test.each([
    [{ 'retry-after': '3' }, 3000],
    [{ 'retry-after': '0' }, 0],
    [{ 'retry-after': '0.5' }, 500],
    [{ 'retry-after': 'Thu, 01 Jan 2026 00:00:10 GMT' }, 10_000],
    [{ 'retry-after': 'Wed, 31 Dec 2025 00:00:10 GMT' }, 0],
    [{ 'retry-after': 'soon' }, null],
    [{ 'retry-after': 'soon 1' }, null],
    [{ 'retry-after': '2026-01-01' }, null],
    [{ 'retry-after': '3 s' }, null],
    [{ 'retry-after': 'Thu Jan  1 00:00:10 2026' }, 10_000],
    [{ 'retry-after': '86400' }, 86_400_000],
    [{ 'retry-after': '99999999' }, MOST_MS],
    [{ 'retry-after': '99999999999' }, MOST_MS],
    [{ 'retry-after': 'Fri, 01 Jan 2027 00:00:00 GMT' }, MOST_MS],
    [{ ratelimit: '"burst";r=0;t=12' }, 12_000],
    [{ ratelimit: '"burst";r=3;t=12' }, null],
    [{ 'ratelimit-remaining': '0', 'ratelimit-reset': '7' }, 7000],
    [{ 'ratelimit-remaining': '4', 'ratelimit-reset': '7' }, null],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 60) }, 60_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW + 60_000) }, 60_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2026-01-01T00:01Z' }, 60_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2026-01-01T00:01:00' }, 60_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 10 * 86_400) }, MOST_MS],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '6m0s' }, null],
    [{ 'x-ratelimit-remaining': '0 of 5', 'x-ratelimit-reset': '60' }, null],
    [{ 'x-hubspot-ratelimit-remaining': '0', 'x-hubspot-ratelimit-interval-milliseconds': '10000' }, 10_000],
    [{ 'x-hubspot-ratelimit-remaining': '5', 'x-hubspot-ratelimit-interval-milliseconds': '10000' }, null],
    [{ 'x-hubspot-ratelimit-daily-remaining': '0', 'x-hubspot-ratelimit-remaining': '0' }, 900_000],
    [{ 'retry-after': '3', 'ratelimit-remaining': '0', 'ratelimit-reset': '70' }, 3000],
    [{}, null],
  ])('%j: %j', (headers, ms) => {
    expect(retryAfterMs(headers as Record<string, string>, NOW)).toBe(ms);
  });

  test.each<Record<string, string>>([
    { 'retry-after': 'Thu, 01 Jan 2026 00:00:10 GMT' },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 10) },
    { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '2026-01-01T00:00:10Z' },
  ])('%j: by the clock of the server, where it tells it', (headers) => {
    expect(retryAfterMs({ ...headers, date: MINUTE_AGO }, NOW + 3_600_000)).toBe(70_000);
    expect(retryAfterMs({ ...headers, date: 'whenever' }, NOW)).toBe(10_000);
  });

  test.each([
    [{}, 10_000],
    [{ 'retry-after': '7' }, 7_000],
    [{ 'retry-after': '0' }, 1_000],
    [{ 'retry-after': MINUTE_AGO }, 1_000],
    [{ 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': '0' }, 1_000],
  ])('after a 429 with %j everyone waits %d ms: never so short that it comes at once again', (headers, ms) => {
    expect(pauseMs(headers as Record<string, string>, NOW)).toBe(ms);
  });
});

describe('what is left', () => {
  test.each([
    [
      {
        'x-hubspot-ratelimit-max': '190',
        'x-hubspot-ratelimit-remaining': '12',
        'x-hubspot-ratelimit-interval-milliseconds': '10000',
        'x-hubspot-ratelimit-daily-remaining': '99',
      },
      [
        { perMs: 10_000, remaining: 12, resetMs: null },
        { perMs: 86_400_000, remaining: 99, resetMs: null },
      ],
    ],
    [
      { ratelimit: '"a";r=5;t=3, "b";r=0;t=60', 'ratelimit-policy': '"a";q=10;w=10, "b";q=100;w=3600' },
      [
        { perMs: 10_000, remaining: 5, resetMs: 3000 },
        { perMs: 3_600_000, remaining: 0, resetMs: 60_000 },
      ],
    ],
    [
      { 'ratelimit-limit': '100, 100;w=60', 'ratelimit-remaining': '40', 'ratelimit-reset': '20' },
      [{ perMs: 60_000, remaining: 40, resetMs: 20_000 }],
    ],
    [
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 60), date: new Date(NOW).toUTCString() },
      [{ perMs: null, remaining: 0, resetMs: 60_000 }],
    ],
    [
      { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': String(NOW / 1000 + 60) },
      [{ perMs: null, remaining: 0, resetMs: 59_000 }],
    ],
    [{ 'x-ratelimit-remaining': 'many', ratelimit: ';;', 'ratelimit-policy': '=' }, []],
    [{}, []],
  ])('%j', (headers, readings) => {
    expect(readRates(headers as Record<string, string>, NOW + 1_000)).toEqual(readings);
  });
});

describe('backoff', () => {
  test('full jitter under a doubling ceiling', () => {
    const retry = { initialMs: 1000, maxMs: 60_000 };
    expect([1, 2, 3, 7, 50].map((attempt) => backoffMs(attempt, retry, () => 1))).toEqual([
      1000, 2000, 4000, 60_000, 60_000,
    ]);
    expect(backoffMs(3, retry, () => 0)).toBe(0);
    expect(backoffMs(3, retry, () => 0.5)).toBe(2000);
  });
});

describe('redaction', () => {
  const secret = 'p@ss/"wörd"+x';
  const redactor = createRedactor();
  redactor.add(secret);
  test.each([
    ['as it is', secret],
    ['in a URL', encodeURIComponent(secret)],
    ['in a URL, lower-case hex', encodeURIComponent(secret).toLowerCase()],
    ['in a form', new URLSearchParams({ s: secret }).toString().slice(2)],
    ['in JSON', JSON.stringify(secret).slice(1, -1)],
    ['in base64', Buffer.from(secret).toString('base64')],
  ])('%s', (_where, shown) => {
    expect(redactor.redact(`a ${shown} b ${shown}`)).toBe('a [redacted] b [redacted]');
  });

  test('other text stays', () => {
    expect(redactor.redact('nothing here')).toBe('nothing here');
    expect(createRedactor().redact('a')).toBe('a');
  });
});
