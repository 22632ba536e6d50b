/** Who may log in to the double, and with what. */
import { createHash, createPublicKey, verify } from 'node:crypto';

export interface Accounts {
  password: string;
  /** A programmatic access token. */
  token?: string;
  oauthToken?: string;
  /** PEM of the key that is registered for the user. */
  publicKey?: string;
  roles?: readonly string[];
}

export interface LoginData {
  ACCOUNT_NAME?: string;
  LOGIN_NAME?: string;
  AUTHENTICATOR?: string;
  PASSWORD?: string;
  TOKEN?: string;
}

/** null: let in. */
export function checkLogin(
  data: LoginData,
  accounts: Accounts,
  wanted: URLSearchParams,
): { code: string; message: string } | null {
  const refused = checkSecret(data, accounts);
  if (refused) return refused;
  const role = wanted.get('roleName');
  if (role === null || !accounts.roles || accounts.roles.includes(role.toUpperCase())) return null;
  return {
    code: '390189',
    message: `Role '${role}' specified in the connect string does not exist or not authorized. Contact your local system administrator, or attempt to login with another role, e.g. PUBLIC.`,
  };
}

function checkSecret(data: LoginData, accounts: Accounts): { code: string; message: string } | null {
  switch (data.AUTHENTICATOR) {
    case 'SNOWFLAKE_JWT':
      return isSignedBy(data, accounts.publicKey)
        ? null
        : { code: '390144', message: 'JWT token is invalid. [0ce9eb56-821d-4ca9-a774-04ae89a0cf5a]' };
    case 'OAUTH':
      return data.TOKEN === accounts.oauthToken ? null : { code: '390303', message: 'Invalid OAuth access token. ' };
    case 'PROGRAMMATIC_ACCESS_TOKEN':
      return data.TOKEN === accounts.token
        ? null
        : { code: '394400', message: 'Programmatic access token is invalid.' };
    default:
      return data.PASSWORD === accounts.password
        ? null
        : { code: '390100', message: 'Incorrect username or password was specified.' };
  }
}

function isSignedBy(
  { TOKEN = '', ACCOUNT_NAME = '', LOGIN_NAME = '' }: LoginData,
  publicKey: string | undefined,
): boolean {
  const [header, payload, signature] = TOKEN.split('.');
  if (!publicKey || !header || !payload || !signature) return false;
  const key = createPublicKey(publicKey);
  if (!verify('RSA-SHA256', Buffer.from(`${header}.${payload}`), key, Buffer.from(signature, 'base64url')))
    return false;
  const { iss } = JSON.parse(Buffer.from(payload, 'base64url').toString()) as { iss: string };
  const print = createHash('sha256')
    .update(key.export({ type: 'spki', format: 'der' }))
    .digest('base64');
  return iss === `${ACCOUNT_NAME}.${LOGIN_NAME}.SHA256:${print}`.toUpperCase().replace(/SHA256:.*$/, `SHA256:${print}`);
}
