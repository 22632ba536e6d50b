/** What a stretch of work leaves to the next one: rows that are not in doubt, permits that are free, tries and waits. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionPlan, AuthPlan, HttpConnectionPlan, RequestPlan, RulePlan } from '../../../src/contracts/plan.ts';
import type { Value } from '../../../src/core/values.ts';
import { action, request } from '../../helpers/plans.ts';
import { httpServer, type TestServer } from '../http/fixture.ts';
import { openSending, type Sending } from './sending.ts';

function serve(answer: (incoming: IncomingMessage, response: ServerResponse) => void): Promise<TestServer> {
  return httpServer((incoming, response) => {
    incoming.resume();
    incoming.on('end', () => answer(incoming, response));
  });
}

const rowsOf = (count: number): Value[][] => Array.from({ length: count }, (_, index) => [String(index + 1), {}]);
const LOOP = { runId: 'run-1', path: 'each' };
/** A permit that got lost would not come back in time. */
const limits: HttpConnectionPlan['limits'] = [{ requests: 3, perMs: 3_600_000, paths: null }];
const once = request({ method: 'POST', idempotent: false });

function oauth(url: string): AuthPlan {
  const reference = { env: 'SECRET' };
  return {
    type: 'oauth2_client_credentials',
    tokenUrl: `${url}/token`,
    clientId: reference,
    clientSecret: reference,
    scopes: [],
    audience: null,
  };
}

describe('a stretch that ends early', () => {
  let sending: Sending;
  beforeEach(async () => {
    sending = await openSending();
  });
  afterEach(() => sending[Symbol.asyncDispose]());

  const inDoubt = async () => (await sending.store.countLoop(LOOP)).inDoubt;

  test('no token to be had: nothing left, so nothing is in doubt and no permit is used up', async () => {
    let away = true;
    await using api = await serve((incoming, response) => {
      if (incoming.url !== '/token') return void response.end('{}');
      response.writeHead(away ? 503 : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: 'secret-access', token_type: 'bearer' }));
    });
    const { store } = sending;
    const { commitLoop } = store;
    // What ends the loop may look at its rows at once.
    store.commitLoop = async (commit) => sleep(100).then(() => commitLoop(commit));
    const connection = { auth: oauth(api.url), limits };
    const how = { url: api.url, actions: [action({ requests: [once] })], maxInFlight: 3, connection };
    await expect(sending.send(rowsOf(3), how)).rejects.toMatchObject({ code: 'AUTH_TOKEN_OUTAGE' });
    expect(await inDoubt()).toBe(0);
    away = false;
    expect(await sending.again()).toMatchObject({ park: null, requests: 3, rows: { delivered: 3 } });
  });

  test('a refused token that cannot be renewed: what was answered 401 is not in doubt', async () => {
    let tokens = 0;
    await using api = await serve((incoming, response) => {
      const isToken = incoming.url === '/token';
      if (isToken) tokens++;
      const refused = isToken ? tokens === 2 : tokens === 1;
      response.writeHead(refused ? (isToken ? 503 : 401) : 200, { 'content-type': 'application/json' });
      response.end(JSON.stringify({ access_token: `secret-${tokens}`, token_type: 'bearer' }));
    });
    const how = {
      url: api.url,
      actions: [action({ requests: [once] })],
      maxInFlight: 3,
      connection: { auth: oauth(api.url) },
    };
    await expect(sending.send(rowsOf(3), how)).rejects.toMatchObject({ code: 'AUTH_TOKEN_OUTAGE' });
    expect(await inDoubt()).toBe(0);
    expect(await sending.again()).toMatchObject({ rows: { delivered: 3 } });
  });

  test('a pause of the connection that is too long to wait for: rows marked ahead are not in doubt', async () => {
    await using api = await serve((_incoming, response) => {
      response.writeHead(429, { 'retry-after': '300' });
      response.end();
    });
    const { result } = await sending.send(rowsOf(20), {
      url: api.url,
      actions: [action()],
      maxInFlight: 2,
      mostParks: 1,
    });
    expect(result.park).toMatchObject({ reason: 'limit' });
    expect(await inDoubt()).toBe(0);
  });

  test.each([
    ['GET', 'delivered', 1],
    ['POST', 'unknown', 0],
  ])('a process that dies amid a %s, of a GET and a POST: the row ends %s', async (method, outcome, posts) => {
    let answered = 0;
    let cut = false;
    await using api = await serve((incoming, response) => {
      if (!cut && incoming.method === method) {
        cut = true;
        return sending.cut();
      }
      if (incoming.method === 'POST') answered++;
      response.end('{}');
    });
    const actions = [action({ requests: [request({ id: 'look', method: 'GET', body: null }), once] })];
    const { result } = await sending.send(rowsOf(1), { url: api.url, actions, maxInFlight: 1 });
    expect(result.rows).toMatchObject({ [outcome]: 1 });
    expect(answered).toBe(posts);
  });

  const DAY = 86_400_000;
  const forTwoMinutes: RulePlan[] = [{ when: 'status == 503', then: 'retry', forMs: 120_000, because: null }];

  test.each<[string, Partial<ActionPlan>, Partial<RequestPlan>]>([
    ['that the server asks for', {}, {}],
    ['that a rule asks for', {}, { rules: forTwoMinutes }],
    ['of its own', { retry: { attempts: 2, initialMs: 240_000, maxMs: 240_000 } }, {}],
  ])('a wait for another try, %s, is no shorter than it was to be', async (what, change, requestChange) => {
    let requests = 0;
    let now = Date.now();
    await using api = await serve((_incoming, response) => {
      response.writeHead(
        ++requests > 1 ? 200 : 503,
        what === 'that the server asks for' ? { 'retry-after': '120' } : {},
      );
      response.end('{}');
    });
    const actions = [
      action({ retry: { attempts: 2, initialMs: 1, maxMs: 1 }, ...change, requests: [request(requestChange)] }),
    ];
    const how = {
      url: api.url,
      actions,
      maxInFlight: 2,
      segmentMs: 50,
      mostSegments: 3,
      wallClock: () => now,
      random: () => 0.5,
    };
    await sending.send(rowsOf(1), how);
    now += 119_000;
    await sending.again();
    expect(requests).toBe(1);
    now += 1_001;
    expect(await sending.again()).toMatchObject({ nextChunk: null, rows: { delivered: 1 } });
  });

  test('a wait for another try does not become longer where the clock is set back', async () => {
    let requests = 0;
    let behind = 0;
    await using api = await serve((_incoming, response) => {
      response.writeHead(++requests > 1 ? 200 : 503);
      response.end('{}');
    });
    const retry = { attempts: 2, initialMs: 200, maxMs: 200 };
    const clock = { wallClock: () => Date.now() - behind, random: () => 1 };
    const how = {
      url: api.url,
      actions: [action({ retry })],
      maxInFlight: 2,
      segmentMs: 20,
      mostSegments: 1,
      ...clock,
    };
    let { result } = await sending.send(rowsOf(1), how);
    behind = DAY;
    for (let segments = 0; segments < 100 && result.nextChunk !== null; segments++) result = await sending.again();
    expect(result.rows).toMatchObject({ delivered: 1 });
  });

  test('a row whose requests before it are made again has no more tries for that', async () => {
    let patches = 0;
    await using api = await serve((incoming, response) => {
      if (incoming.method === 'PATCH') patches++;
      response.writeHead(incoming.method === 'PATCH' ? 503 : 200);
      response.end('{}');
    });
    const rules: RulePlan[] = [{ when: 'status == 503', then: 'retry', forMs: 150, because: null }];
    const look = request({ id: 'look', method: 'GET', body: null });
    const retry = { attempts: 3, initialMs: 1, maxMs: 1 };
    const actions = [action({ retry, requests: [look, request({ rules })] })];
    const how = { url: api.url, actions, maxInFlight: 2, segmentMs: 100, mostSegments: 60 };
    expect((await sending.send(rowsOf(1), how)).result.rows).toMatchObject({ failed: 1 });
    // A stretch that ends amid finding out who is at fault charges nobody.
    expect(patches).toBeGreaterThanOrEqual(retry.attempts);
  });

  test('an outage that is over: rows that it found waiting for another try do not go on with that', async () => {
    let away = true;
    await using api = await serve((_incoming, response) => {
      response.writeHead(away ? 503 : 200);
      response.end('{}');
    });
    const retry = { attempts: 2, initialMs: DAY, maxMs: DAY };
    const onPark = () => {
      away = false;
    };
    const how = { url: api.url, actions: [action({ retry })], maxInFlight: 4, random: () => 1, onPark };
    expect(await sending.send(rowsOf(20), how)).toMatchObject({ parks: 1, result: { rows: { delivered: 20 } } });
  });
});
