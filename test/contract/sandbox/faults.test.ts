/** Every fault on request: what the caller sees, whether the work was done, and that the referee knows. */
import { setImmediate } from 'node:timers/promises';
import { gunzipSync } from 'node:zlib';
import { request } from 'undici';
import { type FaultName, type Sandbox, type SettingsInput, startSandbox } from '../../../src/sandbox/index.ts';
import { FAULT_NAMES } from '../../../src/sandbox/settings.ts';
import { ask, type Answer, batchUpdate, DEALS, update } from './ask.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ deals: 1000, limits: null });
});
afterEach(() => sandbox.stop());

/** The next request, whichever, meets this fault. */
const once1 = (fault: FaultName, more: SettingsInput['faults'] = {}) =>
  sandbox.set({ faults: { script: [{ fault, times: 1 }], ...more } });
const send = () => update(sandbox, 1, { amount: '1' });
const counts = () => {
  const { received, applied, lost } = sandbox.deal('1');
  return { received, applied, lost };
};

test.each([
  ['401', 401, 'EXPIRED_AUTHENTICATION'],
  ['403', 403, 'MISSING_SCOPES'],
  ['408', 408, undefined],
  ['423', 423, 'LOCKED'],
  ['429', 429, undefined],
  ['429_daily', 429, undefined],
  ['477', 477, undefined],
  ['500', 500, undefined],
  ['503', 503, undefined],
] as const)(
  '%s: its status and an error body, nothing done, and the next request is fine',
  async (fault, status, category) => {
    once1(fault);
    const answer = await send();
    expect(answer.status).toBe(status);
    expect(answer.body).toMatchObject({ status: 'error' });
    expect(answer.body.category).toBe(category);
    expect(counts()).toEqual({ received: 1, applied: 0, lost: 0 });
    expect((await send()).status).toBe(200);
    expect(sandbox.state().byFault).toEqual({ [fault]: 1 });
  },
);

test.each([
  ['429', '7'],
  ['429_daily', '7'],
  ['477', '7'],
  ['503', '7'],
  ['500', undefined],
] as const)('%s carries Retry-After %s', async (fault, seconds) => {
  once1(fault, { retryAfterSeconds: 7 });
  expect((await send()).headers['retry-after']).toBe(seconds);
});

test('the two 429s name different policies', async () => {
  once1('429');
  expect((await send()).body.policyName).toBe('TEN_SECONDLY_ROLLING');
  once1('429_daily');
  expect((await send()).body.policyName).toBe('DAILY');
});

test.each([
  ['502', 502, 0],
  ['504', 504, 0],
  ['504_after', 504, 1],
  ['html', 200, 0],
] as const)('%s: an HTML page', async (fault, status, applied) => {
  once1(fault);
  const answer = await send();
  expect(answer.status).toBe(status);
  expect(answer.headers['content-type']).toContain('text/html');
  expect(answer.text).toMatch(/^<!DOCTYPE html>/);
  expect(counts()).toEqual({ received: 1, applied, lost: applied });
});

test('500_after: an error, though the work is done', async () => {
  once1('500_after');
  expect((await send()).status).toBe(500);
  expect(counts()).toEqual({ received: 1, applied: 1, lost: 1 });
});

test.each([
  ['reset_before', 0],
  ['reset_after', 1],
] as const)('%s: the connection breaks without an answer', async (fault, applied) => {
  once1(fault);
  await expect(send()).rejects.toMatchObject({ code: expect.stringMatching(/ECONNRESET|UND_ERR_SOCKET/) });
  expect(counts()).toEqual({ received: 1, applied, lost: applied });
  expect(sandbox.state().byStatus).toEqual({ none: 1 });
});

test.each([
  ['hang_before', 0],
  ['hang_after', 1],
] as const)('%s: no answer, until the caller gives up', async (fault, applied) => {
  once1(fault);
  const giveUp = new AbortController();
  const body = JSON.stringify({ properties: { amount: '1' } });
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
  const pending = request(`${sandbox.url}${DEALS}/1`, { method: 'PATCH', body, headers, signal: giveUp.signal });
  const refused = expect(pending).rejects.toThrow('aborted');
  await until(() => counts().received === 1);
  expect(sandbox.state().inFlight).toBe(1);
  giveUp.abort();
  await refused;
  await until(() => sandbox.state().inFlight === 0);
  expect(counts()).toEqual({ received: 1, applied, lost: applied });
});

test('a caller that gives up while it waits has lost the answer', async () => {
  sandbox.set({ latency: { minMs: 50, maxMs: 50 } });
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
  const giveUp = new AbortController();
  const body = JSON.stringify({ properties: { amount: '1' } });
  const pending = request(`${sandbox.url}${DEALS}/1`, { method: 'PATCH', body, headers, signal: giveUp.signal });
  const refused = expect(pending).rejects.toThrow('aborted');
  await until(() => counts().applied === 1);
  giveUp.abort();
  await refused;
  await until(() => counts().lost === 1);
});

test('redirect: to another host, with the same path', async () => {
  once1('redirect', { redirectTo: 'http://127.0.0.1:9' });
  const answer = await send();
  expect(answer.status).toBe(307);
  expect(answer.headers.location).toBe(`http://127.0.0.1:9${DEALS}/1`);
  expect(counts().applied).toBe(0);
});

test('slow_body: whole in the end', async () => {
  once1('slow_body', { slowBodyMs: 20 });
  const answer = await send();
  expect(answer.body.id).toBe('1');
  expect(counts()).toEqual({ received: 1, applied: 1, lost: 0 });
});

test('truncated_json: a proper reply whose JSON stops halfway', async () => {
  once1('truncated_json');
  const answer = await send();
  expect(answer.status).toBe(200);
  expect(answer.text).toMatch(/^\{"id":"1"/);
  expect(answer.body).toBeUndefined();
  expect(counts()).toEqual({ received: 1, applied: 1, lost: 1 });
});

test('cut_body: the connection breaks amid the body', async () => {
  once1('cut_body');
  await expect(send()).rejects.toThrow();
  await until(() => counts().lost === 1);
  expect(counts().applied).toBe(1);
});

test('gzip, wrong_type and huge: the true answer in a costume', async () => {
  once1('gzip');
  const headers = { authorization: 'Bearer t', 'content-type': 'application/json' };
  const body = JSON.stringify({ properties: { amount: '1' } });
  const zipped = await request(`${sandbox.url}${DEALS}/1`, { method: 'PATCH', headers, body });
  expect(zipped.headers['content-encoding']).toBe('gzip');
  expect(JSON.parse(gunzipSync(await zipped.body.bytes()).toString())).toMatchObject({ id: '1' });
  once1('wrong_type');
  const wrong = await send();
  expect(wrong.headers['content-type']).toBe('text/plain');
  expect(wrong.body.id).toBe('1');
  once1('huge');
  const huge = await send();
  expect(huge.text.length).toBeGreaterThan(10 * 1024 * 1024);
  expect(huge.body.id).toBe('1');
  expect(counts()).toEqual({ received: 3, applied: 3, lost: 0 });
});

test('there is no fault that these tests do not know', () => {
  const known =
    '401 403 408 423 429 429_daily 477 500 502 503 504 500_after 504_after reset_before reset_after hang_before';
  const more = 'hang_after html redirect slow_body truncated_json cut_body gzip wrong_type huge';
  expect(FAULT_NAMES.join(' ')).toBe(`${known} ${more}`);
});

describe('which requests', () => {
  const statuses = async (asked: Promise<Answer>[]) => (await Promise.all(asked)).map((answer) => answer.status);
  const inTurn = async (ids: (string | number)[]) => {
    const out: number[] = [];
    for (const id of ids) out.push((await update(sandbox, id, { amount: '1' })).status);
    return out;
  };

  test('by number: a storm of 429 that passes', async () => {
    sandbox.set({ faults: { script: [{ fault: '429', from: 3, to: 5 }] } });
    expect(await inTurn([1, 1, 1, 1, 1, 1])).toEqual([200, 200, 429, 429, 429, 200]);
  });

  test('from a number on: a token that expires', async () => {
    sandbox.set({ faults: { script: [{ fault: '401', from: 3 }] } });
    expect(await inTurn([1, 2, 3, 4])).toEqual([200, 200, 401, 401]);
  });

  test('by id: poison fails always, alone or in a batch; others never', async () => {
    sandbox.set({ faults: { script: [{ fault: '500', ids: ['13'] }] } });
    expect(await inTurn([12, 13, 14, 13])).toEqual([200, 500, 200, 500]);
    const row = (id: string) => ({ id, properties: { amount: '1' } });
    expect((await batchUpdate(sandbox, [row('1'), row('13')])).status).toBe(500);
    expect((await batchUpdate(sandbox, [row('1'), row('2')])).status).toBe(200);
  });

  test('so many times', async () => {
    sandbox.set({ faults: { script: [{ fault: '503', ids: ['5'], times: 2 }] } });
    expect(await inTurn([5, 5, 5])).toEqual([503, 503, 200]);
  });

  test('by rate: the same seed meets the same fate, another seed another, near the rate asked for', async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => i + 1);
    const faults = { rates: { 500: 0.1, 423: 0.05 } } as const;
    const run = async (seed: number) => {
      await using other = await startSandbox({ deals: 1000, limits: null, seed, faults });
      const out: number[] = [];
      for (const id of ids) out.push((await update(other, id, { amount: '1' })).status);
      return out;
    };
    const [first, again, third] = [await run(1), await run(1), await run(2)];
    expect(again).toEqual(first);
    expect(third).not.toEqual(first);
    const share = (status: number) => first.filter((each) => each === status).length;
    expect(Math.abs(share(500) - 100)).toBeLessThan(40);
    expect(Math.abs(share(423) - 50)).toBeLessThan(30);
  });

  test('by row: it does not matter in which order, or how many at once', async () => {
    const ids = Array.from({ length: 200 }, (_, i) => i + 1);
    const faults = { by: 'row', rates: { 500: 0.3 } } as const;
    const run = async (order: number[]) => {
      await using other = await startSandbox({ deals: 1000, limits: null, faults });
      const fates = await statuses(order.map((id) => update(other, id, { amount: '1' })));
      return new Map(order.map((id, i) => [id, fates[i]]));
    };
    const [up, down] = [await run(ids), await run([...ids].reverse())];
    for (const id of ids) expect(down.get(id)).toBe(up.get(id));
    expect(new Set(up.values())).toEqual(new Set([200, 500]));
  });

  test('by row: a row that fails once may pass the next time', async () => {
    sandbox.set({ faults: { by: 'row', rates: { 500: 0.5 } } });
    const fates = await inTurn(Array.from({ length: 20 }, () => 7));
    expect(new Set(fates)).toEqual(new Set([200, 500]));
  });
});

test('down: every connection breaks, the admin API answers, and up again nothing is lost', async () => {
  sandbox.set({ down: true });
  await expect(send()).rejects.toThrow();
  expect((await ask(sandbox, 'GET /_sandbox/state')).status).toBe(200);
  expect(sandbox.state()).toMatchObject({ whileDown: 1, requests: 1 });
  expect(counts().received).toBe(0);
  sandbox.set({ down: false });
  expect((await send()).status).toBe(200);
});

test('stopped, connections are refused; started again it is the same HubSpot on the same port', async () => {
  await send();
  const { url } = sandbox;
  await sandbox.stop();
  await expect(send()).rejects.toMatchObject({ code: 'ECONNREFUSED' });
  await sandbox.start();
  expect(sandbox.url).toBe(url);
  expect((await send()).status).toBe(200);
  expect(counts()).toEqual({ received: 2, applied: 2, lost: 0 });
});

test('a port that is taken is named', async () => {
  const error = await startSandbox({ port: sandbox.port }).catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: 'CONFIG_PORT_IN_USE', context: { port: sandbox.port } });
});

test('latency is drawn from its range, the same for the same seed', async () => {
  sandbox.set({ latency: { minMs: 1, maxMs: 5 } });
  for (let i = 0; i < 30; i++) await send();
  const drawn = sandbox.log().map((entry) => entry.latencyMs);
  expect(Math.min(...drawn)).toBeGreaterThanOrEqual(1);
  expect(Math.max(...drawn)).toBeLessThanOrEqual(5);
  expect(new Set(drawn).size).toBeGreaterThan(20);
  await using other = await startSandbox({ deals: 1, limits: null, latency: { minMs: 1, maxMs: 5 } });
  for (let i = 0; i < 30; i++) await update(other, 1, { amount: '1' });
  expect(other.log().map((entry) => entry.latencyMs)).toEqual(drawn);
});

test.each([
  ['rates over one', { faults: { rates: { 500: 0.7, 503: 0.7 } } }, 'rates add up to over 1'],
  ['a fault that is none', { faults: { rates: { 418: 0.1 } } }, '418'],
  ['an unknown setting', { latencies: 5 }, 'latencies'],
  ['a limit of nothing', { limits: { requests: 0 } }, 'requests'],
  ['a range the wrong way round', { latency: { minMs: 5, maxMs: 1 } }, 'minMs is over maxMs'],
])('%s is refused, and the settings stay', (_name, settings, named) => {
  const before = sandbox.settings;
  expect(() => sandbox.set(settings as SettingsInput)).toThrow(named);
  expect(sandbox.settings).toBe(before);
});

/** Lets the event loop turn until it is so. */
async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await setImmediate();
}
