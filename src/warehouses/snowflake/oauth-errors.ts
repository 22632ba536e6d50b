/** What goes wrong when the driver fetches an OAuth token for us, from a server that is not Snowflake's. */
import { type ErrorCode, UpriverError } from '../../core/errors.ts';

/** Errors of the driver's HTTP client and of its OAuth library. */
interface TokenFailure {
  code?: unknown;
  message: string;
  response?: { status?: unknown; data?: unknown };
}

const AGAIN = 'The step is tried again.';
const NETWORK = /^E[A-Z]{3,}/;
const TLS = /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/;

/** `error` is none of Snowflake's. Its other fields hold the client's secret: nothing of them is kept. */
export function tokenError(error: Error, name: string): UpriverError {
  const { code, response } = error as TokenFailure;
  const fail = (kind: ErrorCode, message: string, hint: string) =>
    new UpriverError(kind, `connection ${name}: ${message}`, {
      hint,
      retry: kind === 'REMOTE_WAREHOUSE_UNAVAILABLE',
      context: { connection: name },
    });
  const status = response?.status;
  if (typeof status === 'number') {
    const message = `the OAuth server answers ${status}${reasonOf(response)}`;
    if (status >= 500 || status === 429 || status === 408) return fail('REMOTE_WAREHOUSE_UNAVAILABLE', message, AGAIN);
    return fail(
      'AUTH_WAREHOUSE',
      message,
      'Check `token_url`, `client_id`, `client_secret` and `scope` under `oauth`.',
    );
  }
  if (TLS.test(String(code))) {
    const hint = 'If its certificate is signed by an authority of your own, name that in NODE_EXTRA_CA_CERTS.';
    return fail('CONFIG_WAREHOUSE_TLS', `the OAuth server is not trusted: ${error.message}`, hint);
  }
  if (NETWORK.test(String(code))) {
    const message = `the OAuth server cannot be reached: ${error.message}`;
    return fail('REMOTE_WAREHOUSE_UNAVAILABLE', message, `Check \`token_url\` under \`oauth\`. ${AGAIN}`);
  }
  return fail(
    'AUTH_WAREHOUSE',
    `the OAuth server gives no token: ${error.message}`,
    'Check that `token_url` under `oauth` is the address that tokens come from.',
  );
}

/** As RFC 6749, 5.2, has it; what else a server may say is not for messages. */
function reasonOf(response: TokenFailure['response']): string {
  const { error, error_description: description } = bodyOf(response?.data);
  const words = [error, description].filter((each) => typeof each === 'string');
  return words.length > 0 ? `: ${words.join(', ')}` : '';
}

function bodyOf(data: unknown): { error?: unknown; error_description?: unknown } {
  try {
    return Object(JSON.parse(String(data)));
  } catch {
    return {};
  }
}
