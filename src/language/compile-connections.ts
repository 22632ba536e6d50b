/** connections.yaml → connection plans. */
import type { AuthPlan, ConnectionPlan, HttpConnectionPlan, Json, Reference, Resolvable } from '../contracts/plan.ts';
import { literalText } from './names.ts';
import { parseWith } from './parse.ts';
import { PRESETS, type Preset } from './presets.ts';
import type { FileProblems } from './problems.ts';
import { type Auth, Connection } from './schema/connections.ts';
import type { Path } from './source.ts';

export interface KnownConnection {
  plan: ConnectionPlan;
  preset: Preset | null;
}

/** By name; null: it is there, but wrong. */
export function compileConnections(value: Json, file: FileProblems): Map<string, KnownConnection | null> {
  const known = new Map<string, KnownConnection | null>();
  if (value === null) return known;
  if (typeof value !== 'object' || Array.isArray(value)) {
    file.add([], {
      code: 'CONFIG_WRONG_TYPE',
      message: 'connections.yaml is not a mapping',
      hint: 'Write name: { type: …, … } for each connection.',
    });
    return known;
  }
  for (const [name, raw] of Object.entries(value)) {
    if (!/^[A-Za-z0-9_-]+$/.test(name)) {
      file.add(
        [name],
        {
          code: 'CONFIG_BAD_NAME',
          message: `a connection cannot be named '${name}'`,
          hint: 'Use letters, digits, _ and -.',
        },
        { at: 'key' },
      );
    }
    const connection = parseWith(Connection, raw, { file, path: [name] });
    known.set(name, connection ? compileConnection(name, connection, file) : null);
  }
  return known;
}

const SECRET_HEADERS = new Set(['authorization', 'proxy-authorization', 'cookie']);

function checkHeaders(headers: Http['headers'], path: Path, file: FileProblems): Http['headers'] {
  const instead = "Refer to values in the headers of an action's request.";
  const checked = Object.entries(headers).map(([header, value]) => {
    if (typeof value !== 'string') return [header, value];
    const at = [...path, header];
    if (SECRET_HEADERS.has(header.toLowerCase())) {
      const message = `${header}: a secret stands in the file`;
      const hint = 'Use auth, or keep it in the environment or a file of its own: { env: NAME } or { file: PATH }.';
      file.add(at, { code: 'SECRET_IN_FILE', message, hint });
    }
    return [header, literalText(value, { file, path: at, instead })];
  });
  return Object.fromEntries(checked);
}

type Http = Extract<Connection, { type: 'http' | 'hubspot' }>;

function compileConnection(name: string, connection: Connection, file: FileProblems): KnownConnection {
  if (connection.type === 'http' || connection.type === 'hubspot') {
    const preset = connection.type === 'hubspot' ? PRESETS.hubspot : null;
    const headers = checkHeaders(connection.headers, [name, 'headers'], file);
    return { plan: httpPlan(name, { ...connection, headers }, preset), preset };
  }
  if (connection.type === 'postgres') checkPostgres(name, connection, file);
  if (connection.type === 'snowflake') checkSnowflake(name, connection, file);
  const { type, ...config } = connection;
  return { plan: { name, type, config: config as { [key: string]: Json } }, preset: null };
}

function httpPlan(name: string, connection: Http, preset: Preset | null): HttpConnectionPlan<Reference> {
  const { limits } = connection;
  const baseUrl = connection.base_url ?? preset?.baseUrl ?? '';
  return {
    name,
    type: 'http',
    baseUrl: typeof baseUrl === 'string' ? baseUrl.replace(/\/+$/, '') : baseUrl,
    auth: authPlan(connection.auth),
    headers: connection.headers as Record<string, Resolvable<string>>,
    limits:
      limits?.map(({ requests, per, paths }) => ({ requests, perMs: per, paths: paths ?? null })) ??
      preset?.limits ??
      [],
    reserve: typeof connection.reserve === 'string' ? Number.parseFloat(connection.reserve) / 100 : connection.reserve,
    maxInFlight: connection.max_in_flight,
    timeoutMs: connection.timeout,
    rules: preset?.rules ?? [],
  };
}

function authPlan(auth: Auth): AuthPlan<Reference> {
  switch (auth.type) {
    case 'oauth2_client_credentials':
      return {
        type: auth.type,
        tokenUrl: auth.token_url,
        clientId: auth.client_id,
        clientSecret: auth.client_secret,
        scopes: auth.scopes,
        audience: auth.audience ?? null,
      };
    case 'oauth2_refresh':
      return {
        type: auth.type,
        tokenUrl: auth.token_url,
        clientId: auth.client_id,
        clientSecret: auth.client_secret,
        refreshToken: auth.refresh_token,
      };
    default:
      return auth;
  }
}

function checkPostgres(
  name: string,
  { url, host }: Extract<Connection, { type: 'postgres' }>,
  file: FileProblems,
): void {
  const hint = 'Write url: { env: NAME }, or host, database and username.';
  if (url === undefined && host === undefined) file.missing([name], 'url', hint);
  if (url === undefined || host === undefined) return;
  const message = 'a connection has a url or a host, not both';
  file.add([name, 'host'], { code: 'CONFIG_CONFLICT', message, hint }, { at: 'key' });
}

function checkSnowflake(
  name: string,
  { private_key, password, token, oauth, username }: Extract<Connection, { type: 'snowflake' }>,
  file: FileProblems,
): void {
  const ways = Object.entries({ private_key, password, token, oauth }).filter(([, given]) => given !== undefined);
  if (ways.length === 0) file.missing([name], 'private_key', 'Or give one of password, token and oauth.');
  if (oauth === undefined && username === undefined) file.missing([name], 'username', 'Say who logs in.');
  const [, second] = ways;
  if (!second) return;
  const message = `a connection logs in one way, not several: ${ways.map(([field]) => field).join(', ')}`;
  const hint = 'Keep one of private_key, password, token and oauth.';
  file.add([name, second[0]], { code: 'CONFIG_CONFLICT', message, hint }, { at: 'key' });
}
