/** One Temporal dev server process: start it, know it again, stop it. It outlives its starter until it is stopped. */
import { execFile, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { Connection, isGrpcServiceError } from '@temporalio/client';
import { UpriverError } from '../core/errors.ts';
import { protoTime } from './proto-time.ts';
import { searchAttributeFlags } from './search-attributes.ts';

const run = promisify(execFile);

const HOST = '127.0.0.1';
export const NAMESPACE = 'default';
const READY_TIMEOUT_MS = 30_000;
const STOP_TIMEOUT_MS = 10_000;
const POLL_MS = 20;
const NOT_FOUND = 5;
/** A week. */
const KEPT_MS = 7 * 24 * 3_600_000;
const RUN_HINT = 'run `upriver doctor`: it says which Temporal CLI is used, and why';

export interface DevServer {
  pid: number;
  port: number;
  uiPort: number;
}

export interface Ports {
  port: number;
  uiPort: number;
}

export function addressOf(server: Ports): string {
  return `${HOST}:${server.port}`;
}

export function uiUrlOf(server: Ports): string {
  return `http://${HOST}:${server.uiPort}`;
}

/**
 * Starts a server on the project's file. It has a session of its own, so that Ctrl-C in the terminal reaches only us and
 * the worker can drain first. `ready` resolves when it takes calls (0.3 s), or rejects with CONFIG_TEMPORAL_START.
 */
export function spawnDevServer(binary: string, stateDir: string, ports: Ports): { pid: number; ready: Promise<void> } {
  const log = openSync(logFile(stateDir), 'a');
  const child = spawn(binary, serverArguments(stateDir, ports), {
    detached: true,
    stdio: ['ignore', log, log],
    windowsHide: true,
  });
  closeSync(log);
  const ended = new AbortController();
  child.once('error', (error) => ended.abort(error));
  child.once('exit', () => ended.abort(new Error('it ended at once')));
  child.unref();
  if (child.pid === undefined) {
    throw new UpriverError('CONFIG_TEMPORAL_START', `${binary} cannot be run`, { hint: RUN_HINT });
  }
  return { pid: child.pid, ready: settle(stateDir, ports, ended.signal) };
}

async function settle(stateDir: string, ports: Ports, ended: AbortSignal): Promise<void> {
  try {
    await waitUntilReady(ports, AbortSignal.any([ended, AbortSignal.timeout(READY_TIMEOUT_MS)]));
  } catch (error) {
    throw await startError(stateDir, ended.reason ?? error);
  }
}

/** SIGTERM, so that it closes its file properly; SIGKILL if that takes longer than `graceMs`. */
export async function stopDevServer(pid: number, graceMs = STOP_TIMEOUT_MS): Promise<void> {
  signal(pid, 'SIGTERM');
  const deadline = performance.now() + graceMs;
  while (isAlive(pid)) {
    if (performance.now() > deadline) signal(pid, 'SIGKILL');
    await sleep(25);
  }
}

/** Whether this process id is a server on this project's file: ids are used again, and another project's server may have the port. */
export async function isServerOf(stateDir: string, pid: number): Promise<boolean> {
  if (!isAlive(pid)) return false;
  const commandLine = await commandLineOf(pid).catch(() => '');
  return commandLine.includes(`--db-filename ${databaseFile(stateDir)}`);
}

/** Whether it takes calls. One that hangs has its port open, and does not answer. */
export async function answers(ports: Ports, timeoutMs: number): Promise<boolean> {
  try {
    await withConnection(ports, timeoutMs, hasNamespace);
    return true;
  } catch {
    return false;
  }
}

/** A process that has ended but whom nobody has buried (the first process of many containers buries no one) is dead. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return process.platform !== 'linux' || !/\) Z [^)]*$/.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** The wanted port if it is free, else any free one. */
export async function choosePort(wanted: number): Promise<number> {
  return (await tryPort(wanted)) ?? (await tryPort(0)) ?? wanted;
}

function serverArguments(stateDir: string, { port, uiPort }: Ports): string[] {
  const attributes = searchAttributeFlags().flatMap((flag) => ['--search-attribute', flag]);
  return [
    ...['server', 'start-dev', '--ip', HOST, '--port', String(port), '--ui-port', String(uiPort)],
    ...['--db-filename', databaseFile(stateDir), '--namespace', NAMESPACE],
    // Twice the throughput of the defaults; what synchronous=NORMAL may lose, it loses in a power cut only.
    ...['--sqlite-pragma', 'journal_mode=WAL', '--sqlite-pragma', 'synchronous=NORMAL'],
    ...['--log-level', 'error', ...attributes],
  ];
}

function databaseFile(stateDir: string): string {
  return join(stateDir, 'temporal.db');
}

function logFile(stateDir: string): string {
  return join(stateDir, 'temporal.log');
}

/** The port opens before the namespace can be used; gRPC's own reconnecting would wait a second between tries. */
async function waitUntilReady(ports: Ports, signal: AbortSignal): Promise<void> {
  while (!(await accepts(ports.port))) await sleep(POLL_MS, undefined, { signal });
  await withConnection(ports, READY_TIMEOUT_MS, async (connection) => {
    while (!(await hasNamespace(connection))) await sleep(POLL_MS, undefined, { signal });
    await keepEndedRuns(connection);
  });
}

async function hasNamespace(connection: Connection): Promise<boolean> {
  try {
    await connection.workflowService.describeNamespace({ namespace: NAMESPACE });
    return true;
  } catch (error) {
    if (isGrpcServiceError(error) && error.code === NOT_FOUND) return false;
    throw error;
  }
}

/** Ended runs stay in Temporal's list for that long; a dev server's own default is a day. */
async function keepEndedRuns(connection: Connection): Promise<void> {
  const config = { workflowExecutionRetentionTtl: protoTime(KEPT_MS) };
  await connection.workflowService.updateNamespace({ namespace: NAMESPACE, config });
}

async function withConnection<T>(ports: Ports, timeoutMs: number, use: (c: Connection) => Promise<T>): Promise<T> {
  const connection = Connection.lazy({ address: addressOf(ports) });
  try {
    return await connection.withDeadline(Date.now() + timeoutMs, () => use(connection));
  } finally {
    await connection.close();
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: HOST, port });
    socket.once('connect', () => resolve(true)).once('error', () => resolve(false));
    socket.once('connect', () => socket.destroy());
  });
}

function tryPort(port: number): Promise<number | null> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(null));
    server.listen(port, HOST, () => {
      const taken = (server.address() as { port: number }).port;
      server.close(() => resolve(taken));
    });
  });
}

async function commandLineOf(pid: number): Promise<string> {
  if (process.platform === 'linux') return (await readFile(`/proc/${pid}/cmdline`, 'utf8')).replaceAll('\0', ' ');
  const [program, ...args] =
    process.platform === 'win32'
      ? [
          'powershell',
          '-NoProfile',
          '-Command',
          `(Get-CimInstance Win32_Process -Filter "ProcessId=${pid}").CommandLine`,
        ]
      : ['ps', '-ww', '-o', 'command=', '-p', String(pid)];
  return (await run(program as string, args)).stdout;
}

function signal(pid: number, name: NodeJS.Signals): void {
  try {
    process.kill(pid, name);
  } catch {
    // It is gone, which is what is wanted.
  }
}

async function startError(stateDir: string, cause: unknown): Promise<UpriverError> {
  const log = await readFile(logFile(stateDir), 'utf8').catch(() => '');
  const tail = log.trim().split('\n').slice(-3).join('\n');
  const reason = cause instanceof Error ? cause.message : String(cause);
  return new UpriverError(
    'CONFIG_TEMPORAL_START',
    `the embedded Temporal server did not start: ${reason}\n${tail}`.trim(),
    {
      hint: `Look into ${logFile(stateDir)}; is the disk full, or did a newer Temporal write ${databaseFile(stateDir)}? \`upriver doctor\` checks both.`,
      cause,
    },
  );
}
