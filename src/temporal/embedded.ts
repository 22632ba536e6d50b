/** The embedded Temporal of a project: one process hosts the server (and its worker), the others are its clients. */
import { readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { UpriverError } from '../core/errors.ts';
import {
  addressOf,
  answers,
  choosePort,
  type DevServer,
  isAlive,
  isServerOf,
  NAMESPACE,
  type Ports,
  spawnDevServer,
  stopDevServer,
  uiUrlOf,
} from './dev-server.ts';
import { acquireHostLock, type HostLock, stateDirError } from './host-lock.ts';
import { requireTemporalBinary } from './server-binary.ts';

/** Where Temporal's UI is usually looked for. */
const USUAL_UI_PORT = 8233;
/** The host may be fetching the Temporal CLI. */
const JOIN_TIMEOUT_MS = 360_000;
const JOIN_POLL_MS = 100;
const JOIN_NOTE_MS = 2_000;
const ANSWER_TIMEOUT_MS = 5_000;
const WATCH_MS = 500;
const RESTART_MAX_MS = 10_000;
const START_TRIES = 3;

export interface EmbeddedOptions {
  /** Told before something slow, and when the server had to be started again. */
  onNote?: (text: string) => void;
  env?: NodeJS.ProcessEnv;
}

interface Embedded {
  /** `host:port`; stays the same for as long as the port can be had. */
  address: string;
  namespace: string;
  uiUrl: string;
  hostPid: number;
}

/** This process must run the worker. `stop` ends the server and lets go of the project. */
export interface EmbeddedHost extends Embedded {
  role: 'host';
  stop(): Promise<void>;
}

/** Another process runs server and worker. When it has gone, by its end or its death, call `hostOrJoin` again. */
export interface EmbeddedClient extends Embedded {
  role: 'client';
  /** Rejects when the signal fires first. */
  hostEnded(signal: AbortSignal): Promise<void>;
}

/** `.upriver/temporal.json`: what the next command needs to find the server, or to start it where it was. */
interface ServerRecord extends DevServer {
  hostPid: number;
}

/**
 * Becomes the project's host if there is none, and starts its server, or adopts the one that a killed host left behind;
 * else joins the host that there is. CONFIG_NO_TEMPORAL, CONFIG_TEMPORAL_START, CONFIG_STATE_DIR.
 */
export async function hostOrJoin(
  projectDir: string,
  options: EmbeddedOptions = {},
): Promise<EmbeddedHost | EmbeddedClient> {
  const stateDir = stateDirOf(projectDir);
  await makeStateDir(stateDir);
  const started = performance.now();
  let noted = false;
  while (performance.now() - started < JOIN_TIMEOUT_MS) {
    const lock = acquireHostLock(stateDir);
    if (lock) return await host(stateDir, lock, options);
    const server = await findServer(stateDir);
    if (server) return { role: 'client', ...describe(server), hostEnded: (signal) => hostEnded(stateDir, signal) };
    if (!noted && performance.now() - started > JOIN_NOTE_MS) {
      options.onNote?.('another process of this project starts Temporal; waiting for it');
      noted = true;
    }
    await sleep(JOIN_POLL_MS);
  }
  throw new UpriverError(
    'CONFIG_TEMPORAL_START',
    'another process of this project holds Temporal, but it does not answer',
    {
      hint: 'See what that process (`upriver dev` or `upriver run`) says; end it and try again.',
    },
  );
}

/** The project's server if one takes calls now, whoever started it. Starts nothing. */
export async function findEmbedded(projectDir: string): Promise<Embedded | null> {
  const server = await findServer(stateDirOf(projectDir));
  return server && describe(server);
}

async function host(stateDir: string, lock: HostLock, options: EmbeddedOptions): Promise<EmbeddedHost> {
  const stay = endServerOnExit(stateDir);
  try {
    const server = (await adopt(stateDir)) ?? (await startAnywhere(stateDir, options));
    const stopping = new AbortController();
    const watch = keepAlive({ stateDir, server, options, signal: stopping.signal });
    const stop = async (): Promise<void> => {
      stopping.abort();
      await stopDevServer((await watch).pid);
      stay();
      lock.release();
    };
    let stopped: Promise<void> | undefined;
    return {
      role: 'host',
      ...describe({ ...server, hostPid: process.pid }),
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  } catch (error) {
    stay();
    lock.release();
    throw isFileError(error) ? stateDirError(stateDir, error) : error;
  }
}

/**
 * A host that leaves without stopping first (a second Ctrl-C, an uncaught error) takes its server along; one that is killed
 * cannot, and the next host adopts it. Returns what calls this off.
 */
function endServerOnExit(stateDir: string): () => void {
  const end = () => {
    try {
      const { pid, hostPid } = JSON.parse(readFileSync(recordFile(stateDir), 'utf8')) as ServerRecord;
      if (hostPid === process.pid) process.kill(pid, 'SIGTERM');
    } catch {
      // There is none.
    }
  };
  process.once('exit', end);
  return () => void process.off('exit', end);
}

function isFileError(error: unknown): boolean {
  return error instanceof Error && 'syscall' in error && 'path' in error;
}

/** The server of a host that was killed, if it still works; one that hangs is ended. */
async function adopt(stateDir: string): Promise<DevServer | null> {
  const last = await readRecord(stateDir);
  if (!last || !(await isServerOf(stateDir, last.pid))) return null;
  if (await answers(last, ANSWER_TIMEOUT_MS)) return await writeRecord(stateDir, last);
  await stopDevServer(last.pid, 0);
  return null;
}

/** On the ports it had last, so that addresses in the terminal still work; on free ones if those are taken. */
async function startAnywhere(stateDir: string, options: EmbeddedOptions): Promise<DevServer> {
  const last = await readRecord(stateDir);
  const wanted = { port: last?.port ?? 0, uiPort: last?.uiPort ?? USUAL_UI_PORT };
  for (let tries = 1; ; tries++) {
    // A free port may be taken by the time the server binds it.
    const ports = tries === 1 ? wanted : { port: 0, uiPort: 0 };
    try {
      return await start(
        stateDir,
        { port: await choosePort(ports.port), uiPort: await choosePort(ports.uiPort) },
        options,
      );
    } catch (error) {
      if (tries === START_TRIES || !(error instanceof UpriverError) || error.code !== 'CONFIG_TEMPORAL_START')
        throw error;
    }
  }
}

async function start(stateDir: string, ports: Ports, { onNote, env }: EmbeddedOptions): Promise<DevServer> {
  const binary = await requireTemporalBinary({ ...(onNote && { onNote }), ...(env && { env }) });
  const { pid, ready } = spawnDevServer(binary.path, stateDir, ports);
  try {
    // At once: whoever finds us killed must know of it, as two servers on one file must never be.
    const [server] = await Promise.all([writeRecord(stateDir, { pid, ...ports }), ready]);
    return server;
  } catch (error) {
    await stopDevServer(pid);
    throw error;
  }
}

interface Watched {
  stateDir: string;
  server: DevServer;
  options: EmbeddedOptions;
  signal: AbortSignal;
}

/** Starts a server that died again, at the same address, as the worker and other processes know it by that. Returns the last one. */
async function keepAlive({ stateDir, server, options, signal }: Watched): Promise<DevServer> {
  let current = server;
  let pause = WATCH_MS;
  while (await sleep(pause, true, { signal, ref: false }).catch(() => false)) {
    if (isAlive(current.pid)) continue;
    options.onNote?.('the Temporal server has ended; starting it again');
    try {
      current = await start(stateDir, { port: server.port, uiPort: await choosePort(server.uiPort) }, options);
      pause = WATCH_MS;
    } catch (error) {
      options.onNote?.((error as Error).message);
      pause = Math.min(pause * 2, RESTART_MAX_MS);
    }
  }
  return current;
}

/** The lock is free as soon as the host has ended, however it did. */
async function hostEnded(stateDir: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    await sleep(WATCH_MS, undefined, { signal, ref: false });
    const lock = acquireHostLock(stateDir);
    lock?.release();
    if (lock) return;
  }
}

async function findServer(stateDir: string): Promise<ServerRecord | null> {
  const record = await readRecord(stateDir);
  if (!record || !(await isServerOf(stateDir, record.pid))) return null;
  return (await answers(record, ANSWER_TIMEOUT_MS)) ? record : null;
}

function describe(server: ServerRecord): Embedded {
  return { address: addressOf(server), namespace: NAMESPACE, uiUrl: uiUrlOf(server), hostPid: server.hostPid };
}

function stateDirOf(projectDir: string): string {
  return join(resolve(projectDir), '.upriver');
}

async function makeStateDir(stateDir: string): Promise<void> {
  try {
    await mkdir(stateDir, { recursive: true });
  } catch (error) {
    throw stateDirError(stateDir, error);
  }
}

function recordFile(stateDir: string): string {
  return join(stateDir, 'temporal.json');
}

/** Null: never hosted here, or the file is damaged. */
async function readRecord(stateDir: string): Promise<ServerRecord | null> {
  try {
    return JSON.parse(await readFile(recordFile(stateDir), 'utf8')) as ServerRecord;
  } catch {
    return null;
  }
}

async function writeRecord(stateDir: string, { pid, port, uiPort }: DevServer): Promise<ServerRecord> {
  const record = { hostPid: process.pid, pid, port, uiPort };
  const fresh = `${recordFile(stateDir)}.new`;
  await writeFile(fresh, `${JSON.stringify(record)}\n`);
  await rename(fresh, recordFile(stateDir));
  return record;
}
