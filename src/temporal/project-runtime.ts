/** Composition: a project's store, its Temporal (embedded or one's own), and a worker where this process must be one. */
import { hostname } from 'node:os';
import type { Client } from '@temporalio/client';
import type { TLSConfig } from '@temporalio/worker';
import type { Logger } from 'pino';
import { createActivities } from '../../activities/index.ts';
import type { Reference } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import type { StateStore } from '../core/store.ts';
import { referencesOf, type SecretResolver } from '../core/secrets.ts';
import type { Project, TlsSettings } from '../language/index.ts';
import { workflowBundle } from './bundle.ts';
import { connectClient, connectWorker, type TemporalTarget } from './connection.ts';
import { isAlive } from './dev-server.ts';
import { type EmbeddedClient, findEmbedded, hostOrJoin } from './embedded.ts';
import { temporalAddress } from './address.ts';
import { cancelRun, isCancelRequested, isOpen } from './client.ts';
import { closeEndedRuns, dryRunQueue, endStaleDryRuns } from './close-runs.ts';
import { openProjectStore } from './project-store.ts';
import { ensureSearchAttributes } from './search-attributes.ts';
import { createSecretResolver } from './secrets.ts';
import { createUpriverWorker, installRuntime } from './worker.ts';

export interface RuntimeOptions {
  project: Project;
  env: NodeJS.ProcessEnv;
  log: Logger;
  /** Embedded: become the host where there is none. False: CONFIG_NO_HOST then. */
  host: boolean;
  /** `host` (default): the embedded host works. `always`: for a server of one's own too. `never`: nobody here does. */
  worker?: 'host' | 'always' | 'never';
  /** For a dry run. As host: a task queue of this process alone, so that its worker serves nothing else and sends nothing. */
  dryRun?: boolean;
  /** Told before something slow, and when the embedded server had to be started again. */
  onNote: (text: string) => void;
  /** Called before there is a worker, when this process is about to be one. */
  beforeWorker?: (client: Client) => Promise<void>;
}

/** A project's Temporal and state, open. Disposing lets requests in flight settle, then closes everything. */
export interface ProjectRuntime extends AsyncDisposable {
  /** `host`: embedded, by this process. `guest`: embedded, by another one. `server`: one's own. */
  role: 'host' | 'guest' | 'server';
  client: Client;
  namespace: string;
  taskQueue: string;
  store: StateStore;
  /** For runs whose end someone else has to write down. */
  retentionMs: number;
  /** Whether runs may set them here. */
  searchAttributes: boolean;
  /** Of the embedded UI. */
  uiAddress: string | null;
  /** Guests: resolves when the host has gone, by its end or its death. Never otherwise. */
  hostEnded(signal: AbortSignal): Promise<void>;
  /** Rejects when the worker of this process has failed. */
  failed: Promise<never>;
}

const NEVER = new Promise<never>(() => {});

/** CONFIG_TEMPORAL_*, AUTH_TEMPORAL, STATE_*: out of reach. CONFIG_NO_HOST. */
export async function openRuntime(options: RuntimeOptions): Promise<ProjectRuntime> {
  await using opening = new AsyncDisposableStack();
  const { worker = 'host', env, log } = options;
  // A worker that stays up is worth watching; beside it, commands on the same machine would find the port taken.
  installRuntime(log, worker === 'always' ? env['UPRIVER_METRICS_ADDRESS'] : undefined);
  const store = opening.use(await openProjectStore(options.project, env));
  const reached = await reach(options, opening);
  const client = await connectClient(reached.target);
  opening.defer(() => client.connection.close());
  const { namespace } = reached.target;
  const attributes = await ensureSearchAttributes(client.connection, namespace);
  const taskQueue =
    options.dryRun && reached.role === 'host'
      ? dryRunQueue(process.pid, Date.now())
      : options.project.settings.temporal.taskQueue;
  const works = worker === 'always' || (worker === 'host' && reached.role === 'host');
  const { retentionMs } = options.project.settings;
  if (reached.role === 'host') {
    await endStaleDryRuns(client);
    await closeEndedRuns(store, client, { retentionMs, lost: true });
  }
  if (works) await options.beforeWorker?.(client);
  const { failed } = works
    ? await startWorker({ options, opening, client, store, taskQueue, target: reached.target })
    : { failed: NEVER };
  const owned = opening.move();
  const { role, uiAddress, hostEnded } = reached;
  return {
    ...{ role, client, namespace, taskQueue, store, retentionMs, uiAddress, hostEnded, failed },
    searchAttributes: attributes.status === 'registered',
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

interface Reached {
  role: ProjectRuntime['role'];
  target: TemporalTarget;
  uiAddress: string | null;
  hostEnded(signal: AbortSignal): Promise<void>;
}

async function reach(options: RuntimeOptions, opening: AsyncDisposableStack): Promise<Reached> {
  const { project, env } = options;
  const address = temporalAddress(project, env);
  if (address) {
    const target = await ownServer(project, env, address);
    return { role: 'server', target, uiAddress: null, hostEnded: () => NEVER };
  }
  const embedded = options.host ? await hostOrJoin(project.dir, options) : await joinOnly(project);
  if (embedded.role === 'host') opening.defer(() => embedded.stop());
  return {
    role: embedded.role === 'host' ? 'host' : 'guest',
    target: { address: embedded.address, namespace: embedded.namespace },
    uiAddress: embedded.uiUrl,
    hostEnded: embedded.role === 'host' ? () => NEVER : embedded.hostEnded,
  };
}

async function joinOnly(project: Project): Promise<EmbeddedClient> {
  const found = await findEmbedded(project.dir);
  // A killed host leaves its server, with nobody to work for it.
  if (!found || !isAlive(found.hostPid)) {
    throw new UpriverError('CONFIG_NO_HOST', 'No process of this project hosts Temporal and a worker now.', {
      hint: 'Start one that stays up: upriver dev',
    });
  }
  return { ...found, role: 'client', hostEnded: () => NEVER };
}

/** Where the project’s own server is, and how to get in. */
export async function ownServer(
  { settings, dir }: Project,
  env: NodeJS.ProcessEnv,
  address: string,
): Promise<TemporalTarget> {
  const { namespace, tls, apiKey } = settings.temporal;
  const secrets = createSecretResolver({ env, projectDir: dir });
  return {
    address,
    namespace,
    ...(tls ? { tls: await tlsConfig(tls, secrets) } : {}),
    ...(apiKey ? { apiKey: await secrets.resolve(apiKey) } : {}),
  };
}

async function tlsConfig({ serverName, ca, cert, key }: TlsSettings, secrets: SecretResolver): Promise<TLSConfig> {
  const pem = async (reference: Reference) => Buffer.from(await secrets.resolve(reference));
  return {
    ...(serverName ? { serverNameOverride: serverName } : {}),
    ...(ca ? { serverRootCACertificate: await pem(ca) } : {}),
    ...(cert && key ? { clientCertPair: { crt: await pem(cert), key: await pem(key) } } : {}),
  };
}

interface WorkerStart {
  options: RuntimeOptions;
  opening: AsyncDisposableStack;
  client: Client;
  store: StateStore;
  target: TemporalTarget;
  taskQueue: string;
}

/** Undone in reverse: in-flight requests settle, the worker ends, its warehouses and connections close. */
async function startWorker({
  options,
  opening,
  client,
  store,
  target,
  taskQueue,
}: WorkerStart): Promise<{ failed: Promise<never> }> {
  const { project, env } = options;
  const drain = new AbortController();
  const activities = opening.use(
    createActivities({
      store,
      secrets: createSecretResolver({ env, projectDir: project.dir }),
      secretReferences: referencesOf(project.connections.values()),
      projectDir: project.dir,
      runs: {
        isOpen: (runId) => isOpen(client, runId),
        cancel: (runId) => cancelRun(client, runId),
        isCancelRequested: (runId) => isCancelRequested(client, runId),
      },
      drain: drain.signal,
      wallClock: () => Date.now(),
      now: () => performance.now(),
      random: () => Math.random(),
      env,
    }),
  );
  const connection = await connectWorker(target);
  opening.defer(() => connection.close());
  const worker = await createUpriverWorker({
    connection,
    namespace: target.namespace,
    taskQueue,
    activities: activities.activities,
    bundle: await workflowBundle(env),
    identity: `upriver-${process.pid}@${hostname()}`,
  });
  const running = worker.run();
  opening.defer(async () => {
    drain.abort();
    if (worker.getState() === 'RUNNING') worker.shutdown();
    await running.catch(() => {});
  });
  const failed = running.then(() => NEVER);
  failed.catch(() => {});
  return { failed };
}
