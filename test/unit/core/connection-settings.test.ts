/** Settings of connections that come by reference. */
import { resolveHttp, resolveWarehouse } from '../../../src/core/connection-settings.ts';
import type { HttpConnectionPlan, Reference, WarehouseConnectionPlan } from '../../../src/contracts/plan.ts';
import { createSecretResolver } from '../../../src/temporal/secrets.ts';
import { load } from '../language/project-of.ts';

const env = (given: Record<string, string>) => createSecretResolver({ env: given, projectDir: '/' });

const HTTP = `type: http
  base_url: { env: URL }
  auth: { type: api_key, in: { env: IN }, name: { env: NAME }, key: { env: KEY } }
  headers: { reserve: { env: HEADER } }
  limits:
    - { requests: { env: REQUESTS }, per: { env: PER }, paths: [{ env: PATHS }, /d] }
    - { requests: 5, per: 2s }
  reserve: { env: RESERVE }
  max_in_flight: { env: MOST }
  timeout: { env: TIMEOUT }`;
const VALUES = {
  IN: 'query',
  NAME: 'token',
  REQUESTS: '190',
  PER: ' 10s\n',
  PATHS: '/a, /b /c',
  RESERVE: '12.5%',
  MOST: '7',
  TIMEOUT: '90s',
};

async function planOf<Plan>(text: string): Promise<Plan> {
  const project = await load({ 'connections.yaml': `it:\n  ${text}\n` });
  expect(project.errors.map(({ code }) => code)).toEqual(['CONFIG_NO_PROJECT']);
  return project.connections.get('it') as Plan;
}

test('of an HTTP connection: read as what their field takes; secrets stay references', async () => {
  const plan = await planOf<HttpConnectionPlan<Reference>>(HTTP);
  expect(await resolveHttp(plan, env(VALUES))).toEqual({
    ...plan,
    auth: { type: 'api_key', in: 'query', name: 'token', key: { env: 'KEY' } },
    headers: { reserve: { env: 'HEADER' } },
    limits: [
      { requests: 190, perMs: 10_000, paths: ['/a', '/b', '/c', '/d'] },
      { requests: 5, perMs: 2_000, paths: null },
    ],
    reserve: 0.125,
    maxInFlight: 7,
    timeoutMs: 90_000,
  });
});

test('of OAuth2', async () => {
  const auth = `{ type: oauth2_client_credentials, token_url: u, client_id: c, client_secret: { env: S }, scopes: { env: SCOPES }, audience: { env: A } }`;
  const plan = await planOf<HttpConnectionPlan<Reference>>(`{ type: http, base_url: http://a, auth: ${auth} }`);
  const { auth: resolved } = await resolveHttp(plan, env({ SCOPES: 'read write', A: 'them' }));
  expect(resolved).toMatchObject({ scopes: ['read', 'write'], audience: 'them', clientSecret: { env: 'S' } });
});

test('of warehouses: numbers and truths too, other texts to the letter', async () => {
  const postgres = await planOf<WarehouseConnectionPlan>(
    '{ type: postgres, host: h, port: { env: PORT }, password: { env: P }, ssl: { ca: { env: CA }, verify: { env: NO } }, max_connections: { env: MOST } }',
  );
  const given = { PORT: '5433', P: ' pass ', CA: 'pem\n', NO: 'false', MOST: '3' };
  expect(await resolveWarehouse(postgres, env(given))).toEqual({
    host: 'h',
    port: 5433,
    password: ' pass ',
    ssl: { ca: 'pem\n', verify: false },
    max_connections: 3,
  });
  const duckdb = await planOf<WarehouseConnectionPlan>('{ type: duckdb, path: { env: F }, create: { env: NO } }');
  expect(await resolveWarehouse(duckdb, env({ F: 'w.duckdb', NO: 'false' }))).toEqual({
    path: 'w.duckdb',
    create: false,
  });
});

test.each([
  ['REQUESTS', '00', 'limits[].requests', 'a whole number'],
  ['PER', '10', 'limits[].per', 'a duration'],
  ['RESERVE', 'a tenth', 'reserve', 'a share'],
  ['MOST', '2.5', 'max_in_flight', 'a whole number'],
  ['TIMEOUT', '0.0s', 'timeout', 'a duration'],
  ['IN', 'cookie', 'auth.in', 'header or query'],
])('%s: %s', async (name, value, field, wanted) => {
  const plan = await planOf<HttpConnectionPlan<Reference>>(HTTP);
  const refused = await resolveHttp(plan, env({ ...VALUES, [name]: value })).catch((error) => error);
  expect(refused).toMatchObject({
    code: 'CONFIG_BAD_VALUE',
    message: expect.stringContaining(`${field} of connection it: the environment variable ${name} does not hold`),
    hint: expect.stringContaining(wanted),
    context: { connection: 'it', field },
  });
  expect(refused.message).not.toContain(value);
});
