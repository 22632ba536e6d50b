/** What a request carries to show who sends it, and how that is renewed after a 401. OAuth2 lives in oauth.ts. */
import type { AuthPlan, Reference, Resolvable } from '../contracts/plan.ts';
import type { SecretResolver } from '../core/secrets.ts';
import { createOAuth } from './oauth.ts';
import type { Redactor } from './redact.ts';

export interface Credentials {
  headers: Readonly<Record<string, string>>;
  /** Added to the query: `name=value`, encoded. */
  query: string | null;
}

export interface Auth {
  /** In hand and good as far as known; null: `obtain` first. */
  current(): Credentials | null;
  /** Gets credentials, once for all who wait. Throws UpriverError AUTH_*. */
  obtain(): Promise<Credentials>;
  /** The server refused these with a 401. Those of an earlier renewal are ignored. */
  refused(credentials: Credentials): void;
  /** Replaces refused credentials, once for all who ask. False: there are no others. */
  renew(): Promise<boolean>;
}

export interface AuthDeps {
  secrets: SecretResolver;
  redactor: Redactor;
  /** Monotonic milliseconds. */
  now: () => number;
  timeoutMs: number;
}

export type ReadSecret = (value: Resolvable<string>) => Promise<string>;

export async function openAuth(plan: AuthPlan, deps: AuthDeps): Promise<Auth> {
  const read = secretReader(deps);
  if (plan.type === 'oauth2_client_credentials' || plan.type === 'oauth2_refresh') return createOAuth(plan, deps, read);
  return openStatic(() => readCredentials(plan, read, deps.redactor));
}

/** Resolves references, and remembers what came from one as a secret. */
export function secretReader({ secrets, redactor }: Pick<AuthDeps, 'secrets' | 'redactor'>): ReadSecret {
  return async (value) => {
    if (typeof value === 'string') return value;
    const secret = await secrets.resolve(value as Reference);
    redactor.add(secret);
    return secret;
  };
}

type StaticPlan = Extract<AuthPlan, { type: 'none' | 'bearer' | 'basic' | 'api_key' }>;

async function readCredentials(plan: StaticPlan, read: ReadSecret, redactor: Redactor): Promise<Credentials> {
  switch (plan.type) {
    case 'none':
      return { headers: {}, query: null };
    case 'bearer':
      return { headers: { authorization: `Bearer ${await read(plan.token)}` }, query: null };
    case 'basic':
      return { headers: { authorization: await basic(plan, read, redactor) }, query: null };
    case 'api_key':
      return apiKey(plan, await read(plan.key));
  }
}

async function basic(
  plan: Extract<AuthPlan, { type: 'basic' }>,
  read: ReadSecret,
  redactor: Redactor,
): Promise<string> {
  const pair = `${await read(plan.username)}:${await read(plan.password)}`;
  redactor.add(pair);
  return `Basic ${Buffer.from(pair).toString('base64')}`;
}

function apiKey(plan: Extract<AuthPlan, { type: 'api_key' }>, key: string): Credentials {
  if (plan.in === 'header') return { headers: { [plan.name.toLowerCase()]: key }, query: null };
  return { headers: {}, query: `${encodeURIComponent(plan.name)}=${encodeURIComponent(key)}` };
}

/** Fixed credentials can be renewed too: the file or variable that they come from may hold a new secret by now. */
async function openStatic(readAll: () => Promise<Credentials>): Promise<Auth> {
  let held = await readAll();
  let stale = false;
  let renewing: Promise<boolean> | null = null;
  const reread = async () => {
    const fresh = await readAll();
    const changed = JSON.stringify(fresh) !== JSON.stringify(held);
    if (changed) {
      held = fresh;
      stale = false;
    }
    return changed;
  };
  return {
    current: () => held,
    obtain: async () => held,
    refused: (credentials) => {
      if (credentials === held) stale = true;
    },
    renew: async () => {
      if (!stale) return true;
      renewing ??= reread().finally(() => {
        renewing = null;
      });
      return renewing;
    },
  };
}
