/** Opens a destination: what one HTTP connection needs in this process, its secrets resolved. */
import type { HttpConnectionPlan, Reference, Resolvable } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import type { PermitStore } from '../core/permits.ts';
import type { SecretResolver } from '../core/secrets.ts';
import { openAuth, type ReadSecret, secretReader } from './auth.ts';
import type { Destination } from './http-client.ts';
import { openLimiter } from './limiter.ts';
import { createRedactor } from './redact.ts';
import { type Base, Wire } from './wire.ts';

export interface DestinationDeps {
  permits: PermitStore;
  secrets: SecretResolver;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Epoch milliseconds. */
  wallClock: () => number;
  /** 0 to 1. */
  random: () => number;
}

/** Throws UpriverError: CONFIG_SECRET_MISSING, CONFIG_BASE_URL. Tokens are fetched at the first request, not here. */
export async function openDestination(plan: HttpConnectionPlan, deps: DestinationDeps): Promise<Destination> {
  const redactor = createRedactor();
  const read = secretReader({ secrets: deps.secrets, redactor });
  const base = await readBaseUrl(plan, deps.secrets, redactor.add);
  const ownHeaders = await readHeaders(plan.headers, read);
  const auth = await openAuth(plan.auth, { secrets: deps.secrets, redactor, now: deps.now, timeoutMs: plan.timeoutMs });
  const limiter = openLimiter(plan, deps);
  await limiter.ready;
  const wire = new Wire(plan, { auth, base, ownHeaders, now: deps.now });
  return {
    name: plan.name,
    baseUrl: base.href,
    rules: plan.rules,
    limiter,
    send: (request, options) => wire.send(request, options),
    renewAuth: () => auth.renew(),
    redact: redactor.redact,
    async [Symbol.asyncDispose]() {
      await Promise.all([wire.close(), limiter.close()]);
    },
  };
}

async function readHeaders(headers: HttpConnectionPlan['headers'], read: ReadSecret): Promise<Record<string, string>> {
  const entries = Object.entries(headers).map(
    async ([name, value]) => [name.toLowerCase(), await read(value)] as const,
  );
  return Object.fromEntries(await Promise.all(entries));
}

/** A base URL is shown in messages, but where it came by reference its path may be the secret (as in a webhook's URL). */
async function readBaseUrl(
  plan: HttpConnectionPlan,
  secrets: SecretResolver,
  hide: (secret: string) => void,
): Promise<Base> {
  const text = await readPlain(plan.baseUrl, secrets);
  const url = URL.parse(text);
  if (!url || !/^https?:$/.test(url.protocol) || url.search || url.hash || url.username) throw badBaseUrl(plan.name);
  const href = (url.origin + url.pathname).replace(/\/+$/, '');
  if (typeof plan.baseUrl !== 'string' && href !== url.origin) hide(href.slice(url.origin.length));
  return { href, origin: url.origin };
}

async function readPlain(value: Resolvable<string>, secrets: SecretResolver): Promise<string> {
  return typeof value === 'string' ? value : secrets.resolve(value as Reference);
}

function badBaseUrl(connection: string): UpriverError {
  return new UpriverError('CONFIG_BASE_URL', `the base_url of connection ${connection} is not an http(s) URL`, {
    hint: 'Write it as https://host/optional/path, without a query, a fragment or a user name.',
    context: { connection },
  });
}
