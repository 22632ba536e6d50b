/** Tries one connection as a worker would use it, and says what it found. */
import type { ConnectionPlan, HttpConnectionPlan } from '../contracts/plan.ts';
import { resolveHttp, resolveWarehouse } from '../core/connection-settings.ts';
import { UpriverError } from '../core/errors.ts';
import type { PermitStore } from '../core/permits.ts';
import { openDestination } from '../http/index.ts';
import { openWarehouse } from '../warehouses/index.ts';
import { createSecretResolver } from './secrets.ts';

const TIMEOUT_MS = 30_000;

export interface TestSurroundings {
  projectDir: string;
  env: NodeJS.ProcessEnv;
}

/** Facts to show. Throws what a run would meet: CONFIG_*, AUTH_*, REMOTE_*. */
export async function testConnection(
  plan: ConnectionPlan,
  { projectDir, env }: TestSurroundings,
): Promise<Record<string, string>> {
  const secrets = createSecretResolver({ env, projectDir });
  if (plan.type === 'http') return testHttp(await resolveHttp(plan, secrets), secrets);
  const config = await resolveWarehouse(plan, secrets);
  await using warehouse = await openWarehouse(plan.type, { name: plan.name, projectDir, config, makesNothing: true });
  // Awaited here: the warehouse is closed on return.
  return await warehouse.check();
}

/** One GET of the base URL. Any answer but 401 and 403 says that the API is there and lets us in. */
async function testHttp(
  plan: HttpConnectionPlan,
  secrets: ReturnType<typeof createSecretResolver>,
): Promise<Record<string, string>> {
  const clocks = { now: () => performance.now(), wallClock: () => Date.now() };
  const surroundings = { permits: NO_LIMITS, secrets, ...clocks, random: Math.random };
  await using destination = await openDestination(plan, surroundings);
  const request = { method: 'GET', url: destination.baseUrl, path: '/', headers: {}, body: null };
  const exchange = await destination.send(request, { mayLeave: () => true, signal: AbortSignal.timeout(TIMEOUT_MS) });
  if (exchange.kind !== 'reply') {
    throw new UpriverError('REMOTE_UNREACHABLE', `${destination.baseUrl} gives no answer: ${exchange.message}`, {
      hint: 'Check `base_url`, the network and proxies between here and there.',
    });
  }
  const { status, ms } = exchange;
  if (status === 401 || status === 403) {
    throw new UpriverError('AUTH_REFUSED', `${destination.baseUrl} answers ${status}`, {
      hint: `Check the secrets under \`auth\` of ${plan.name}, and what they are allowed to do.`,
    });
  }
  return { url: destination.baseUrl, answer: `${status} to a GET of it`, latency: `${Math.round(ms)} ms` };
}

/** A single request that no run waits behind. */
const NO_LIMITS: PermitStore = {
  takePermits: async ({ want }) => ({ granted: want, block: '', retryInMs: 0, reason: null }),
  reportPermits: async () => {},
  pauseConnection: async () => {},
  noteForeign: async () => {},
};
