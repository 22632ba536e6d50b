/** From the fields of connections.yaml to the driver's options, one way to log in for each kind of secret. */
import { createPrivateKey } from 'node:crypto';
import type { ConnectionOptions } from 'snowflake-sdk';
import { UpriverError } from '../../core/errors.ts';
import type { WarehouseContext } from '../warehouse.ts';

export interface SnowflakeConfig {
  account: string;
  username?: string;
  password?: string;
  /** A programmatic access token. */
  token?: string;
  /** PEM. */
  private_key?: string;
  passphrase?: string;
  oauth?: { token?: string; token_url?: string; client_id?: string; client_secret?: string; scope?: string };
  warehouse?: string;
  database?: string;
  schema?: string;
  role?: string;
  access_url?: string;
}

/** Logins are tried again by the step; the driver's own eight tries would take minutes to say that an account is wrong. */
const LOGIN_RETRIES = 1;
/** Rows that wait between the driver and us. Its default of 10 makes a turn of the event loop for every 10 rows. */
const ROWS_AHEAD = 2_000;

export function connectionOptions({ name, config }: WarehouseContext): ConnectionOptions {
  const settings = config as unknown as SnowflakeConfig;
  const { account, access_url: accessUrl, warehouse, database, schema, role } = settings;
  return {
    account,
    ...(accessUrl ? { accessUrl } : {}),
    warehouse,
    database,
    schema,
    role,
    application: 'upriver',
    rowMode: 'array',
    streamResult: true,
    representNullAsStringNull: false,
    resultPrefetch: 1,
    rowStreamHighWaterMark: ROWS_AHEAD,
    sfRetryMaxLoginRetries: LOGIN_RETRIES,
    ...credentials(name, settings),
  };
}

function credentials(name: string, settings: SnowflakeConfig): ConnectionOptions {
  const { username, password, token, private_key: key, oauth } = settings;
  const given = { password, token, private_key: key, oauth };
  const kinds = Object.keys(given).filter((kind) => given[kind as keyof typeof given] !== undefined);
  if (kinds.length !== 1) throw unclear(name, kinds);
  if (oauth) return oauthCredentials(name, oauth, settings);
  if (username === undefined) throw missing(name, 'username', 'Snowflake must know who logs in.');
  if (key !== undefined) {
    return { authenticator: 'SNOWFLAKE_JWT', username, privateKey: readKey(name, key, settings.passphrase) };
  }
  if (token !== undefined) return { authenticator: 'PROGRAMMATIC_ACCESS_TOKEN', username, token };
  return { authenticator: 'SNOWFLAKE', username, password };
}

type OAuth = NonNullable<SnowflakeConfig['oauth']>;

function oauthCredentials(name: string, oauth: OAuth, { username }: SnowflakeConfig): ConnectionOptions {
  if (oauth.token !== undefined) return { authenticator: 'OAUTH', username, token: oauth.token };
  const { token_url: url, client_id: clientId, client_secret: clientSecret } = oauth;
  const hint = 'Write oauth: { token } or oauth: { token_url, client_id, client_secret }.';
  if (clientId === undefined) throw missing(name, 'oauth.client_id', hint);
  if (clientSecret === undefined) throw missing(name, 'oauth.client_secret', hint);
  if (url === undefined) throw missing(name, 'oauth.token_url', hint);
  return {
    authenticator: 'OAUTH_CLIENT_CREDENTIALS',
    username,
    oauthClientId: clientId,
    oauthClientSecret: clientSecret,
    oauthTokenRequestUrl: url,
    oauthScope: oauth.scope,
    oauthHttpAllowed: isLoopback(url),
  } as ConnectionOptions;
}

/** Whatever PEM it is, the driver gets it as it wants it: PKCS#8, not encrypted. */
function readKey(name: string, pem: string, passphrase: string | undefined): string {
  try {
    const key = createPrivateKey({ key: pem, format: 'pem', passphrase });
    return key.export({ format: 'pem', type: 'pkcs8' }).toString();
  } catch (cause) {
    const hint =
      passphrase === undefined
        ? 'It must be a PEM file (-----BEGIN PRIVATE KEY-----). If it is encrypted, give its `passphrase` too.'
        : 'Check that `passphrase` is the one that the key was encrypted with.';
    throw new UpriverError('AUTH_SNOWFLAKE_KEY', `connection ${name}: the private key cannot be read`, {
      hint,
      context: { connection: name },
      cause,
    });
  }
}

function isLoopback(url: string): boolean {
  return URL.canParse(url) && ['127.0.0.1', 'localhost', '[::1]'].includes(new URL(url).hostname);
}

function unclear(name: string, kinds: readonly string[]): UpriverError {
  const found = kinds.length === 0 ? 'no way to log in' : `several ways to log in: ${kinds.join(', ')}`;
  return new UpriverError('CONFIG_SNOWFLAKE_AUTH', `connection ${name} has ${found}`, {
    hint: 'Give exactly one of private_key, password, token and oauth.',
    context: { connection: name },
  });
}

function missing(name: string, field: string, hint: string): UpriverError {
  return new UpriverError('CONFIG_SNOWFLAKE_AUTH', `connection ${name} has no ${field}`, {
    hint,
    context: { connection: name },
  });
}
