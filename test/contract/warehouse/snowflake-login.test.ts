/** Logging in to Snowflake: every kind of secret, and what is said when it does not work. */
import { generateKeyPairSync, type KeyObject } from 'node:crypto';
import { createServer as createHttpServer } from 'node:http';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { openWarehouse } from '../../../src/warehouses/index.ts';
import { type SnowflakeDouble, startSnowflake } from '../../doubles/snowflake/server.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './tls-material.ts';

const keys = generateKeyPairSync('rsa', { modulusLength: 2048 });
const pem = (key: KeyObject, passphrase?: string) =>
  key.export({ type: 'pkcs8', format: 'pem', ...(passphrase ? { cipher: 'aes-256-cbc', passphrase } : {}) }).toString();

let double: SnowflakeDouble;
beforeAll(async () => {
  double = await startSnowflake({
    accounts: {
      publicKey: keys.publicKey.export({ type: 'spki', format: 'pem' }).toString(),
      token: 'pat-token',
      oauthToken: 'oauth-token',
      roles: ['LOADER'],
    },
  });
});
afterAll(() => double[Symbol.asyncDispose]());

async function check(config: Record<string, unknown>): Promise<Record<string, string>> {
  const base = {
    account: 'acme-eu1',
    access_url: double.url,
    username: 'UPRIVER',
    database: 'INTERNAL',
    warehouse: 'WH',
  };
  const context = { name: 'snow', projectDir: '.', config: { ...base, ...config } };
  await using warehouse = await openWarehouse('snowflake', context);
  return warehouse.check();
}

const oauth = { client_id: 'id', client_secret: 'secret', scope: 'session:role:LOADER' };

test.each<[string, () => Record<string, unknown>]>([
  ['a password', () => ({ password: 'secret' })],
  ['a private key', () => ({ private_key: pem(keys.privateKey) })],
  ['an encrypted private key', () => ({ private_key: pem(keys.privateKey, 'open'), passphrase: 'open' })],
  ['a programmatic access token', () => ({ token: 'pat-token' })],
  ['an OAuth token', () => ({ oauth: { token: 'oauth-token' }, username: undefined })],
  [
    'OAuth client credentials',
    () => ({ oauth: { ...oauth, token_url: `${double.url}/oauth/token` }, username: undefined }),
  ],
])('with %s; what is found is told', async (_name, config) => {
  expect(await check({ ...config(), role: 'LOADER', schema: 'PUBLIC' })).toEqual({
    server: 'Snowflake 9.99.0',
    account: 'DOUBLE',
    user: 'UPRIVER',
    role: 'LOADER',
    warehouse: 'WH',
    database: 'INTERNAL',
    schema: 'PUBLIC',
    latency: expect.stringMatching(/^\d+ ms$/),
  });
});

test.each<[string, Record<string, unknown>, Record<string, unknown>]>([
  ['a wrong password', { password: 'wrong' }, { code: 'AUTH_WAREHOUSE', message: /Incorrect username or password/ }],
  ['a wrong token', { token: 'wrong' }, { code: 'AUTH_WAREHOUSE', hint: /make a new one/ }],
  ['a wrong OAuth token', { oauth: { token: 'wrong' } }, { code: 'AUTH_WAREHOUSE', hint: /make a new one/ }],
  [
    'a key that is not registered',
    { private_key: pem(generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey) },
    { code: 'AUTH_SNOWFLAKE_KEY', hint: /rsa_public_key/ },
  ],
  ['a key that is none', { private_key: 'no key' }, { code: 'AUTH_SNOWFLAKE_KEY', hint: /PEM/ }],
  [
    'a key without its passphrase',
    { private_key: pem(keys.privateKey, 'open') },
    { code: 'AUTH_SNOWFLAKE_KEY', hint: /passphrase/ },
  ],
  ['no secret', {}, { code: 'CONFIG_SNOWFLAKE_AUTH', message: /no way to log in/ }],
  ['two secrets', { password: 'a', token: 'b' }, { code: 'CONFIG_SNOWFLAKE_AUTH', message: /password, token/ }],
  ['no user', { password: 'a', username: undefined }, { code: 'CONFIG_SNOWFLAKE_AUTH', message: /no username/ }],
  ['half an OAuth client', { oauth: { client_id: 'id' } }, { code: 'CONFIG_SNOWFLAKE_AUTH', message: /client_secret/ }],
  ['a role that it has not', { password: 'secret', role: 'BOSS' }, { code: 'CONFIG_SNOWFLAKE_ROLE', message: /BOSS/ }],
  [
    'a warehouse that is not there',
    { password: 'secret', warehouse: 'NOWHERE' },
    { code: 'CONFIG_SNOWFLAKE_WAREHOUSE', hint: /grant usage/ },
  ],
  [
    'a database that is not there',
    { password: 'secret', database: 'NOWHERE' },
    { code: 'CONFIG_WAREHOUSE_DATABASE', message: /NOWHERE/ },
  ],
])('%s', async (_name, config, { code, message = /./, hint = /./ }) => {
  await expect(check(config)).rejects.toMatchObject({
    code,
    message: expect.stringMatching(message as RegExp),
    hint: expect.stringMatching(hint as RegExp),
    retry: false,
  });
});

test.each<[string, number, string, Record<string, unknown>]>([
  [
    'a client that it does not know',
    401,
    '{"error":"invalid_client","error_description":"no such client"}',
    {
      code: 'AUTH_WAREHOUSE',
      retry: false,
      message: 'connection snow: the OAuth server answers 401: invalid_client, no such client',
    },
  ],
  ['nothing that is JSON', 200, '<html>', { code: 'AUTH_WAREHOUSE', retry: false }],
  [
    'a token that Snowflake refuses',
    200,
    '{"access_token":"other","token_type":"bearer"}',
    { code: 'AUTH_WAREHOUSE', retry: false },
  ],
  ['that it is overloaded', 503, '{}', { code: 'REMOTE_WAREHOUSE_UNAVAILABLE', retry: true }],
])('an OAuth server that says: %s', async (_name, status, body, expected) => {
  const type = body.startsWith('{') ? 'application/json' : 'text/html';
  const server = createHttpServer((_request, response) =>
    response.writeHead(status, { 'content-type': type }).end(body),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const token_url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
    const error = await check({ oauth: { ...oauth, client_secret: 'hunter2', token_url } }).catch((thrown) => thrown);
    expect(error).toMatchObject({ ...expected, hint: expect.any(String) });
    expect(JSON.stringify([error, error.message, error.cause])).not.toContain('hunter2');
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

test.each([
  ['at which nobody is', 'http://127.0.0.1:1/token', 'REMOTE_WAREHOUSE_UNAVAILABLE', true],
  ['that is none', 'token server', 'CONFIG_SNOWFLAKE_AUTH', false],
])('an address of an OAuth server %s', async (_name, token_url, code, retry) => {
  await expect(check({ oauth: { ...oauth, token_url } })).rejects.toMatchObject({
    code,
    retry,
    hint: expect.stringContaining('token_url'),
  });
});

test('an OAuth server whose certificate nobody signed', async () => {
  const server = createServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const token_url = `https://127.0.0.1:${(server.address() as AddressInfo).port}/token`;
    await expect(check({ oauth: { ...oauth, token_url } })).rejects.toMatchObject({
      code: 'CONFIG_WAREHOUSE_TLS',
      retry: false,
    });
  } finally {
    server.close();
  }
});

test('a network policy', async () => {
  const message = 'Incoming request with IP/Token 203.0.113.7 is not allowed to access Snowflake.';
  double.fault({ route: 'login', times: 1, act: { kind: 'refuse', code: '390422', message } });
  await expect(check({ password: 'secret' })).rejects.toMatchObject({
    code: 'AUTH_SNOWFLAKE_NETWORK',
    message: expect.stringContaining('203.0.113.7'),
    hint: expect.stringContaining('policy'),
  });
});

test('a warehouse that is suspended, and stays so', async () => {
  double.suspended = true;
  try {
    await expect(check({ password: 'secret' })).rejects.toMatchObject({
      code: 'CONFIG_SNOWFLAKE_WAREHOUSE',
      message: expect.stringContaining('WH is suspended'),
      hint: expect.stringContaining('auto_resume = true'),
      retry: false,
    });
  } finally {
    double.suspended = false;
  }
});

test('an account that is not there', async () => {
  double.fault({ route: 'login', times: 2, act: { kind: 'http', status: 403 } });
  await expect(check({ password: 'secret' })).rejects.toMatchObject({
    code: 'CONFIG_SNOWFLAKE_ACCOUNT',
    message: expect.stringContaining('acme-eu1'),
  });
});

test('nobody at the address', async () => {
  await expect(check({ password: 'secret', access_url: 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
    retry: true,
  });
}, 30_000);

test('a certificate that nobody signed', async () => {
  const server = createServer({ cert: TEST_CERTIFICATE, key: TEST_KEY }, (_, response) => response.end('{}'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const access_url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
    await expect(check({ password: 'secret', access_url })).rejects.toMatchObject({
      code: 'CONFIG_WAREHOUSE_TLS',
      hint: expect.stringContaining('NODE_EXTRA_CA_CERTS'),
      retry: false,
    });
  } finally {
    server.close();
  }
}, 30_000);

test('no secret is told', async () => {
  const error = await check({ password: 'hunter2' }).catch((thrown) => thrown);
  expect(JSON.stringify([error, error.message, error.cause])).not.toContain('hunter2');
});
