/** OAuth2 access tokens: fetched once for all who wait, renewed before they expire and after a 401. */
import * as oauth from 'oauth4webapi';
import type { AuthPlan } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import type { Auth, AuthDeps, Credentials, ReadSecret } from './auth.ts';

type OAuthPlan = Extract<AuthPlan, { type: 'oauth2_client_credentials' | 'oauth2_refresh' }>;

interface Token {
  credentials: Credentials;
  /** Monotonic; from then on it is not used any more. */
  renewAt: number;
}

/** A token is renewed this long before it expires, or in the last tenth of a short life. */
const SKEW_MS = 60_000;

/** A refresh token that the server rotates is kept in memory: after a restart the configured one must still be good. */
export function createOAuth(plan: OAuthPlan, deps: AuthDeps, read: ReadSecret): Auth {
  const fetchToken = tokenFetcher(plan, deps, read);
  let token: Token | null = null;
  let fetching: Promise<Credentials> | null = null;

  const refresh = async () => {
    const askedAt = deps.now();
    const answer = await fetchToken();
    deps.redactor.add(answer.access_token);
    token = { credentials: bearer(answer.access_token), renewAt: askedAt + usableFor(answer.expires_in) };
    return token.credentials;
  };
  const obtain = () => {
    fetching ??= refresh().finally(() => {
      fetching = null;
    });
    return fetching;
  };
  const current = () => (token && deps.now() < token.renewAt ? token.credentials : null);

  return {
    current,
    obtain,
    refused: (credentials) => {
      if (token?.credentials === credentials) token = null;
    },
    renew: async () => {
      if (!current()) await obtain();
      return true;
    },
  };
}

function bearer(accessToken: string): Credentials {
  return { headers: { authorization: `Bearer ${accessToken}` }, query: null };
}

function usableFor(expiresInSeconds: number | undefined): number {
  if (expiresInSeconds === undefined) return Number.POSITIVE_INFINITY;
  const lifeMs = expiresInSeconds * 1000;
  return Math.max(lifeMs - SKEW_MS, lifeMs * 0.9);
}

type FetchToken = () => Promise<oauth.TokenEndpointResponse>;

function tokenFetcher(plan: OAuthPlan, deps: AuthDeps, read: ReadSecret): FetchToken {
  let clientAuth = oauth.ClientSecretPost;
  let rotated: string | null = null;

  const askWith = async (auth: typeof clientAuth) => {
    const secret = await read(plan.clientSecret);
    const refreshToken = plan.type === 'oauth2_refresh' ? (rotated ?? (await read(plan.refreshToken))) : '';
    const client = { client_id: await read(plan.clientId) };
    const url = tokenUrl(await read(plan.tokenUrl));
    return askToken({ plan, client, url, refreshToken, clientAuth: auth(secret), timeoutMs: deps.timeoutMs });
  };
  // Most servers take the client's secret in the body, as HubSpot demands; RFC 6749's default, the header, is tried next.
  const askEither = async () => {
    try {
      return await askWith(clientAuth);
    } catch (error) {
      if (clientAuth !== oauth.ClientSecretPost || !isClientRefused(error)) throw error;
      const answer = await askWith(oauth.ClientSecretBasic);
      clientAuth = oauth.ClientSecretBasic;
      return answer;
    }
  };
  return async () => {
    try {
      const answer = await askEither();
      rotated = answer.refresh_token ?? rotated;
      if (rotated) deps.redactor.add(rotated);
      return answer;
    } catch (error) {
      const failure = error instanceof UpriverError ? error : tokenError(error);
      // The configured refresh token may have been replaced since.
      if (failure.code === 'AUTH_TOKEN_REFUSED') rotated = null;
      throw failure;
    }
  };
}

interface Ask {
  plan: OAuthPlan;
  client: oauth.Client;
  url: URL;
  refreshToken: string;
  clientAuth: oauth.ClientAuth;
  timeoutMs: number;
}

async function askToken(ask: Ask): Promise<oauth.TokenEndpointResponse> {
  const { plan, client, url, clientAuth } = ask;
  const server: oauth.AuthorizationServer = { issuer: url.origin, token_endpoint: url.href };
  const options = {
    [oauth.allowInsecureRequests]: isLoopback(url),
    signal: AbortSignal.timeout(ask.timeoutMs),
  };
  if (plan.type === 'oauth2_refresh') {
    const answer = await oauth.refreshTokenGrantRequest(server, client, clientAuth, ask.refreshToken, options);
    return oauth.processRefreshTokenResponse(server, client, answer);
  }
  const parameters = new URLSearchParams();
  if (plan.scopes.length > 0) parameters.set('scope', plan.scopes.join(' '));
  if (plan.audience) parameters.set('audience', plan.audience);
  const answer = await oauth.clientCredentialsGrantRequest(server, client, clientAuth, parameters, options);
  return oauth.processClientCredentialsResponse(server, client, answer);
}

function tokenUrl(text: string): URL {
  const url = URL.parse(text);
  if (url?.protocol === 'https:' || (url?.protocol === 'http:' && isLoopback(url))) return url;
  throw new UpriverError('CONFIG_TOKEN_URL', 'the connection’s token_url is not an https URL', {
    hint: 'Give the whole address of the token endpoint, https://…; plain http is accepted on this machine only.',
  });
}

function isLoopback(url: URL): boolean {
  return url.hostname === 'localhost' || url.hostname === '[::1]' || /^127\.\d+\.\d+\.\d+$/.test(url.hostname);
}

function isClientRefused(error: unknown): boolean {
  if (error instanceof oauth.WWWAuthenticateChallengeError) return error.status === 401;
  return error instanceof oauth.ResponseBodyError && error.error === 'invalid_client';
}

function tokenError(error: unknown): UpriverError {
  const status = statusOf(error);
  const context = { status };
  if (status !== null && status >= 400 && status < 500 && status !== 408 && status !== 429) {
    return new UpriverError('AUTH_TOKEN_REFUSED', `the token endpoint refused: ${reasonOf(error)}`, {
      hint: 'Check client_id, client_secret, scopes and, for oauth2_refresh, whether the refresh token was revoked.',
      context,
    });
  }
  if (error instanceof oauth.OperationProcessingError && (status ?? 200) < 400) {
    return new UpriverError(
      'AUTH_TOKEN_ANSWER',
      `the token endpoint's answer is not an OAuth2 token: ${reasonOf(error)}`,
      {
        hint: 'Check that token_url is the token endpoint and not the login page.',
        context,
      },
    );
  }
  const what = status === null ? `cannot be reached (${reasonOf(error)})` : `answers ${status}`;
  return new UpriverError('AUTH_TOKEN_OUTAGE', `the token endpoint ${what}`, {
    hint: 'Nothing to change if it is an outage: the run goes on when the endpoint answers again. Else check token_url and the network.',
    retry: true,
    context,
  });
}

function statusOf(error: unknown): number | null {
  if (error instanceof oauth.ResponseBodyError || error instanceof oauth.WWWAuthenticateChallengeError)
    return error.status;
  const cause = error instanceof Error ? error.cause : null;
  return cause instanceof Response ? cause.status : null;
}

/** OAuth's own error code, a network error's code, or the library's sentence: never what the server wrote freely. */
function reasonOf(error: unknown): string {
  if (error instanceof oauth.ResponseBodyError) return error.error;
  const { code } = ((error instanceof Error ? error.cause : null) ?? {}) as NodeJS.ErrnoException;
  return code ?? (error instanceof Error ? error.message : String(error));
}
