/** What goes out to show who sends it, what never does, and how tokens are renewed. */
import type { IncomingMessage } from 'node:http';
import type { AuthPlan } from '../../../src/contracts/plan.ts';
import { anytime, bearer, httpServer, json, open, readAll, replyOf, request, type TestServer } from './fixture.ts';

interface Seen {
  url: string;
  headers: IncomingMessage['headers'];
}

async function recording(): Promise<{ seen: Seen[]; server: TestServer }> {
  const seen: Seen[] = [];
  const server = await httpServer((message, response) => {
    seen.push({ url: message.url ?? '', headers: message.headers });
    response.end('{}');
  });
  return { seen, server };
}

describe('credentials', () => {
  const env = { TOKEN: 's3cret-token', USER: 'anna', KEY: 'k/ey&1' };
  test.each<[string, AuthPlan, Partial<Seen['headers']>, string]>([
    ['none', { type: 'none' }, { 'user-agent': 'upriver' }, '/x?a=1'],
    ['bearer', bearer, { authorization: 'Bearer s3cret-token' }, '/x?a=1'],
    [
      'basic',
      { type: 'basic', username: { env: 'USER' }, password: { env: 'TOKEN' } },
      { authorization: `Basic ${Buffer.from('anna:s3cret-token').toString('base64')}` },
      '/x?a=1',
    ],
    [
      'api_key in a header',
      { type: 'api_key', in: 'header', name: 'X-Api-Key', key: { env: 'KEY' } },
      { 'x-api-key': 'k/ey&1' },
      '/x?a=1',
    ],
    [
      'api_key in the query',
      { type: 'api_key', in: 'query', name: 'api key', key: { env: 'KEY' } },
      {},
      '/x?a=1&api%20key=k%2Fey%261',
    ],
  ])('%s', async (_name, auth, headers, url) => {
    const { seen, server } = await recording();
    await using _server = server;
    await using api = await open(server.url, { auth, env });
    replyOf(await api.send(request(server.url, { url: `${server.url}/x?a=1` }), anytime));
    expect(seen[0]?.url).toBe(url);
    expect(seen[0]?.headers).toMatchObject(headers);
  });

  test('the connection’s headers go along; an action’s own win', async () => {
    const { seen, server } = await recording();
    await using _server = server;
    await using api = await open(server.url, {
      auth: bearer,
      env,
      headers: { 'X-Client': 'upriver', 'X-Key': { env: 'KEY' } },
    });
    replyOf(
      await api.send(request(server.url, { headers: { 'x-client': 'mine', authorization: 'Bearer other' } }), anytime),
    );
    expect(seen[0]?.headers).toMatchObject({ 'x-client': 'mine', 'x-key': 'k/ey&1', authorization: 'Bearer other' });
  });

  test('nothing secret goes to another origin, however its URL is written', async () => {
    const elsewhere = await recording();
    await using _elsewhere = elsewhere.server;
    const { seen, server } = await recording();
    await using _server = server;
    await using api = await open(server.url, { auth: bearer, env, headers: { 'X-Key': { env: 'KEY' } } });
    const { port } = elsewhere.server;
    const urls = [
      `${elsewhere.server.url}/x`,
      `${server.url}@127.0.0.1:${port}/x`,
      `http://127.0.0.1:${port}\\@127.0.0.1:${server.port}/x`,
    ];
    for (const url of urls) replyOf(await api.send(request(server.url, { url }), anytime));
    expect(seen).toEqual([]);
    expect(elsewhere.seen).toHaveLength(urls.length);
    expect(JSON.stringify(elsewhere.seen)).not.toMatch(/s3cret|k\/ey/);
  });

  test('an absolute URL of the same origin gets them', async () => {
    const { seen, server } = await recording();
    await using _server = server;
    await using api = await open(`${server.url}/v1`, { auth: bearer, env });
    replyOf(await api.send(request(server.url, { url: `${server.url}?a=b` }), anytime));
    expect(seen[0]).toMatchObject({ url: '/?a=b', headers: { authorization: 'Bearer s3cret-token' } });
  });

  test('a missing secret is named, its neighbours’ values are not', async () => {
    await expect(open('http://x.test', { auth: bearer })).rejects.toMatchObject({
      code: 'CONFIG_SECRET_MISSING',
      message: expect.stringContaining('TOKEN'),
    });
  });

  test.each(['nonsense', 'ftp://x', 'https://u:p@x', 'https://x/?a=b', 'https://x/#a'])(
    '%s is no base_url',
    async (baseUrl) => {
      await expect(open(baseUrl)).rejects.toMatchObject({ code: 'CONFIG_BASE_URL' });
    },
  );

  test('all of them are removed from texts', async () => {
    const auth: AuthPlan = { type: 'basic', username: 'anna', password: { env: 'TOKEN' } };
    await using api = await open('http://x.test', { auth, env, headers: { 'X-Key': { env: 'KEY' } } });
    const pair = Buffer.from('anna:s3cret-token').toString('base64');
    expect(api.redact(`Basic ${pair}, s3cret-token, k%2Fey%261, anna`)).toBe(
      'Basic [redacted], [redacted], [redacted], anna',
    );
  });

  test('a webhook’s secret path is removed, its host is not', async () => {
    const { openDestination } = await import('../../../src/http/destination.ts');
    const { MemoryPermits } = await import('../../doubles/memory-permits.ts');
    const { connection } = await import('./fixture.ts');
    const plan = { ...connection(''), baseUrl: { env: 'HOOK' } };
    await using api = await openDestination(plan, {
      permits: new MemoryPermits(() => 0),
      secrets: { resolve: async () => 'https://hooks.test/services/T0/abc' },
      now: () => 0,
      wallClock: () => 0,
      random: () => 0,
    });
    expect(api.redact('POST https://hooks.test/services/T0/abc/x')).toBe('POST https://hooks.test[redacted]/x');
  });
});

describe('after a 401', () => {
  test('a token that was changed at its source is read again, once for all', async () => {
    const env = { TOKEN: 'old' };
    let valid = 'old';
    await using server = await httpServer((message, response) =>
      response.writeHead(message.headers.authorization === `Bearer ${valid}` ? 200 : 401).end(),
    );
    await using api = await open(server.url, { auth: bearer, env });
    const status = async () => replyOf(await api.send(request(server.url), anytime)).status;
    expect(await status()).toBe(200);
    valid = 'new-token';
    expect(await status()).toBe(401);
    expect(await api.renewAuth()).toBe(false);
    env.TOKEN = 'new-token';
    expect(await Promise.all([api.renewAuth(), api.renewAuth()])).toEqual([true, true]);
    expect(await status()).toBe(200);
  });
});

/** A token endpoint that gives numbered tokens, and an API that takes the newest only. */
async function oauthServer(
  answer: (form: URLSearchParams, headers: IncomingMessage['headers'], n: number) => [number, unknown],
) {
  const state = { asked: [] as URLSearchParams[], valid: '', api: 0 };
  const server = await httpServer(async (message, response) => {
    if (message.url !== '/token') {
      state.api++;
      return void response.writeHead(message.headers.authorization === `Bearer ${state.valid}` ? 200 : 401).end('{}');
    }
    const form = new URLSearchParams(await readAll(message));
    state.asked.push(form);
    const [status, body] = answer(form, message.headers, state.asked.length);
    if (status === 200) state.valid = (body as { access_token: string }).access_token;
    json(response, status, body);
  });
  return { state, server };
}

const env = { ID: 'client', SECRET: 'cl1ent-secret', REFRESH: 'r3fresh' };
const credentials = (url: string, change = {}): AuthPlan => ({
  type: 'oauth2_client_credentials',
  tokenUrl: `${url}/token`,
  clientId: { env: 'ID' },
  clientSecret: { env: 'SECRET' },
  scopes: ['deals.read', 'deals.write'],
  audience: 'crm',
  ...change,
});
const refresh = (url: string): AuthPlan => ({
  type: 'oauth2_refresh',
  tokenUrl: `${url}/token`,
  clientId: 'client',
  clientSecret: { env: 'SECRET' },
  refreshToken: { env: 'REFRESH' },
});
const token = (n: number, change = {}) => ({
  access_token: `token-${n}`,
  token_type: 'bearer',
  expires_in: 3600,
  ...change,
});

describe('OAuth2', () => {
  test('client credentials: one token for all requests in flight', async () => {
    const { state, server } = await oauthServer((_form, _headers, n) => [200, token(n)]);
    await using _server = server;
    await using api = await open(server.url, { auth: credentials(server.url), env });
    const exchanges = await Promise.all(Array.from({ length: 20 }, () => api.send(request(server.url), anytime)));
    expect(exchanges.map((exchange) => replyOf(exchange).status)).toEqual(Array.from({ length: 20 }, () => 200));
    expect(state.asked).toHaveLength(1);
    expect(Object.fromEntries(state.asked[0] ?? [])).toEqual({
      grant_type: 'client_credentials',
      client_id: 'client',
      client_secret: 'cl1ent-secret',
      scope: 'deals.read deals.write',
      audience: 'crm',
    });
    expect(api.redact('token-1 cl1ent-secret')).toBe('[redacted] [redacted]');
  });

  test('a 401 in many requests at once renews once; a late one of the old token renews nothing', async () => {
    const { state, server } = await oauthServer((_form, _headers, n) => [200, token(n)]);
    await using _server = server;
    await using api = await open(server.url, { auth: credentials(server.url), env });
    replyOf(await api.send(request(server.url), anytime));
    state.valid = 'revoked';
    const statuses = await Promise.all(
      Array.from({ length: 10 }, async () => {
        const first = replyOf(await api.send(request(server.url), anytime)).status;
        if (first !== 401) return first;
        await api.renewAuth();
        return replyOf(await api.send(request(server.url), anytime)).status;
      }),
    );
    expect(new Set(statuses)).toEqual(new Set([200]));
    expect(await api.renewAuth()).toBe(true);
    expect(state.asked).toHaveLength(2);
  });

  test('a token is renewed before it expires', async () => {
    const { state, server } = await oauthServer((_form, _headers, n) => [
      200,
      token(n, { expires_in: n === 1 ? 0 : 3600 }),
    ]);
    await using _server = server;
    await using api = await open(server.url, { auth: credentials(server.url), env });
    for (let i = 0; i < 3; i++) expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(200);
    expect(state.asked).toHaveLength(2);
  });

  test('a rotated refresh token is used from then on', async () => {
    const { state, server } = await oauthServer((_form, _headers, n) => [
      200,
      token(n, { refresh_token: `rotated-${n}`, expires_in: 0 }),
    ]);
    await using _server = server;
    await using api = await open(server.url, { auth: refresh(server.url), env });
    for (let i = 0; i < 3; i++) replyOf(await api.send(request(server.url), anytime));
    expect(state.asked.map((form) => form.get('refresh_token'))).toEqual(['r3fresh', 'rotated-1', 'rotated-2']);
    expect(api.redact('rotated-2')).toBe('[redacted]');
  });

  test('a rotated refresh token survives an outage; a refused one gives way to the configured one', async () => {
    const answers: [number, object][] = [
      [200, token(1, { refresh_token: 'rotated', expires_in: 0 })],
      [503, {}],
      [400, { error: 'invalid_grant' }],
      [200, token(2)],
    ];
    const { state, server } = await oauthServer((_form, _headers, n) => answers[n - 1] ?? [500, {}]);
    await using _server = server;
    await using api = await open(server.url, { auth: refresh(server.url), env });
    for (let i = 0; i < 4; i++) await api.send(request(server.url), anytime).catch(() => {});
    expect(state.asked.map((form) => form.get('refresh_token'))).toEqual(['r3fresh', 'rotated', 'rotated', 'r3fresh']);
  });

  test('a server that wants the client in the header gets it there', async () => {
    // RFC 6749, 2.3.1: both halves are form-encoded first.
    const basic = `Basic ${Buffer.from('client:cl1ent%2Dsecret').toString('base64')}`;
    const { state, server } = await oauthServer((_form, headers, n) =>
      headers.authorization === basic ? [200, token(n, { expires_in: 0 })] : [401, { error: 'invalid_client' }],
    );
    await using _server = server;
    await using api = await open(server.url, { auth: credentials(server.url), env });
    expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(200);
    expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(200);
    expect(state.asked.map((form) => form.has('client_secret'))).toEqual([true, false, false]);
  });

  test.each<[string, number, unknown, object]>([
    [
      'a refusal',
      400,
      { error: 'invalid_grant', error_description: 'revoked' },
      { code: 'AUTH_TOKEN_REFUSED', retry: false },
    ],
    ['an outage', 503, { message: 'down' }, { code: 'AUTH_TOKEN_OUTAGE', retry: true }],
    ['an answer that is no token', 200, { hello: 'world' }, { code: 'AUTH_TOKEN_ANSWER', retry: false }],
  ])('%s of the token endpoint', async (_name, status, body, error) => {
    const { state, server } = await oauthServer(() => [status, body]);
    await using _server = server;
    await using api = await open(server.url, { auth: refresh(server.url), env });
    await expect(api.send(request(server.url), anytime)).rejects.toMatchObject(error);
    expect(state.api).toBe(0);
  });

  test('a token endpoint that is not there is an outage; one without TLS elsewhere is refused', async () => {
    const { server } = await oauthServer(() => [200, {}]);
    await server[Symbol.asyncDispose]();
    await using away = await open('http://x.test', { auth: credentials(server.url), env });
    await expect(away.send(request('http://x.test'), anytime)).rejects.toMatchObject({
      code: 'AUTH_TOKEN_OUTAGE',
      retry: true,
    });
    await using bare = await open('http://x.test', { auth: credentials('http://example.test'), env });
    await expect(bare.send(request('http://x.test'), anytime)).rejects.toMatchObject({ code: 'CONFIG_TOKEN_URL' });
  });

  test('after an outage the next request asks again', async () => {
    const { server } = await oauthServer((_form, _headers, n) => (n === 1 ? [503, {}] : [200, token(n)]));
    await using _server = server;
    await using api = await open(server.url, { auth: credentials(server.url), env });
    await expect(api.send(request(server.url), anytime)).rejects.toMatchObject({ code: 'AUTH_TOKEN_OUTAGE' });
    expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(200);
  });
});
