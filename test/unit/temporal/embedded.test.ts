/** The embedded Temporal on the real server: start, join, adopt, start again, whoever dies. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { type AddressInfo, createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { Client } from '@temporalio/client';
import { connectClient } from '../../../src/temporal/connection.ts';
import { isAlive } from '../../../src/temporal/dev-server.ts';
import { type EmbeddedClient, type EmbeddedHost, findEmbedded, hostOrJoin } from '../../../src/temporal/embedded.ts';
import { missingSearchAttributes } from '../../../src/temporal/search-attributes.ts';

/** Larger than any process id. */
const NOBODY = 2 ** 30;
const HOST_PROCESS = fileURLToPath(new URL('./host-process.ts', import.meta.url));

let project: string;
const cleanUps: (() => unknown)[] = [];

beforeEach(async () => {
  project = await mkdtemp(join(tmpdir(), 'upriver-embedded-'));
});

afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
  if (readRecord()) kill(serverPid());
  await rm(project, { recursive: true, force: true, maxRetries: 10 });
});

async function becomeHost(): Promise<EmbeddedHost> {
  const temporal = await hostOrJoin(project);
  if (temporal.role !== 'host') throw new Error('there is another host');
  cleanUps.push(() => temporal.stop());
  return temporal;
}

async function client(temporal: { address: string; namespace: string }): Promise<Client> {
  const connected = await connectClient(temporal);
  cleanUps.push(() => connected.connection.close());
  return connected;
}

interface Other {
  child: ChildProcess;
  role: 'host' | 'client';
  address: string;
  hostPid: number;
}

async function otherProcess(): Promise<Other> {
  const child = spawn(process.execPath, [HOST_PROCESS, project], { stdio: ['pipe', 'pipe', 'inherit'] });
  cleanUps.push(() => child.kill('SIGKILL'));
  const [line] = await once(createInterface({ input: child.stdout }), 'line');
  return { child, ...JSON.parse(line) };
}

async function killed(child: ChildProcess): Promise<void> {
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

function readRecord(): { pid: number; port: number; uiPort: number } | null {
  try {
    return JSON.parse(readFileSync(join(project, '.upriver/temporal.json'), 'utf8'));
  } catch {
    return null;
  }
}

/** As if a server had run on them before. */
async function rememberPorts([port, uiPort]: number[]): Promise<void> {
  await mkdir(join(project, '.upriver'));
  const record = { hostPid: NOBODY, pid: NOBODY, port, uiPort };
  await writeFile(join(project, '.upriver/temporal.json'), JSON.stringify(record));
}

async function freePorts(): Promise<number[]> {
  const servers = await Promise.all([listen(0), listen(0)]);
  const ports = servers.map((server) => (server.address() as AddressInfo).port);
  await Promise.all(servers.map((server) => new Promise((resolve) => server.close(resolve))));
  return ports;
}

function serverPid(): number {
  return readRecord()?.pid ?? 0;
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended already.
  }
}

test('starts a server that is ready for runs, with a UI', async () => {
  const temporal = await becomeHost();
  expect(temporal.hostPid).toBe(process.pid);
  const { connection, workflow } = await client(temporal);
  expect(await missingSearchAttributes(connection, temporal.namespace)).toEqual([]);
  const { config } = await connection.workflowService.describeNamespace({ namespace: temporal.namespace });
  expect(Number(config?.workflowExecutionRetentionTtl?.seconds)).toBe(7 * 24 * 3600);
  await workflow.start('trial-deals', { workflowId: 'w', taskQueue: 'q' });
  expect((await fetch(temporal.uiUrl)).status).toBe(200);
});

test('what it knows, and where it is, survives a stop and a start', async () => {
  // Ports that nothing else asks for: the usual one may be another test's as soon as the server has stopped.
  await rememberPorts(await freePorts());
  const first = await becomeHost();
  await (await client(first)).workflow.start('trial-deals', { workflowId: 'w', taskQueue: 'q' });
  await first.stop();
  expect(await findEmbedded(project)).toBeNull();
  const second = await becomeHost();
  expect(second.address).toBe(first.address);
  expect(second.uiUrl).toBe(first.uiUrl);
  const { status } = await (await client(second)).workflow.getHandle('w').describe();
  expect(status.name).toBe('RUNNING');
});

test('of two processes at once one hosts and one joins', async () => {
  const others = await Promise.all([otherProcess(), otherProcess()]);
  expect(others.map(({ role }) => role).sort()).toEqual(['client', 'host']);
  const host = others.find(({ role }) => role === 'host');
  for (const other of others) {
    expect(other).toMatchObject({ address: host?.address, hostPid: host?.child.pid });
  }
  // A host that leaves without stopping takes its server along.
  const server = serverPid();
  host?.child.stdin?.end();
  while (isAlive(server)) await sleep(20);
});

test('the server of a host that was killed is adopted', async () => {
  const other = await otherProcess();
  const pid = serverPid();
  await killed(other.child);
  const temporal = await becomeHost();
  expect(temporal).toMatchObject({ address: other.address, hostPid: process.pid });
  expect(serverPid()).toBe(pid);
  await temporal.stop();
  expect(isAlive(pid)).toBe(false);
});

test('an orphan that hangs is ended, and a new server goes on', async () => {
  const other = await otherProcess();
  const pid = serverPid();
  await killed(other.child);
  process.kill(pid, 'SIGSTOP');
  const temporal = await becomeHost();
  expect(temporal.address).toBe(other.address);
  expect(serverPid()).not.toBe(pid);
  expect(isAlive(pid)).toBe(false);
});

test('a server that dies under its host is started again, at the same address, with what it knew', async () => {
  const temporal = await becomeHost();
  const { workflow } = await client(temporal);
  await workflow.start('trial-deals', { workflowId: 'w', taskQueue: 'q' });
  const pid = serverPid();
  process.kill(pid, 'SIGKILL');
  while (serverPid() === pid || !(await findEmbedded(project))) await sleep(50);
  expect((await findEmbedded(project))?.address).toBe(temporal.address);
  expect((await workflow.getHandle('w').describe()).status.name).toBe('RUNNING');
});

test.each(['SIGKILL', 'SIGTERM'] as const)('a client hears of the end of its host (%s)', async (signal) => {
  const other = await otherProcess();
  const temporal = (await hostOrJoin(project)) as EmbeddedClient;
  expect(temporal).toMatchObject({ role: 'client', address: other.address, hostPid: other.child.pid });
  const ended = temporal.hostEnded(AbortSignal.timeout(30_000));
  other.child.kill(signal);
  await ended;
  expect((await becomeHost()).address).toBe(other.address);
});

test('a port that someone else has taken since is not waited for', async () => {
  const first = await becomeHost();
  await first.stop();
  const server = await listen(Number(first.address.split(':')[1]));
  const second = await becomeHost();
  expect(second.address).not.toBe(first.address);
  await new Promise((resolve) => server.close(resolve));
});

test("another program with a recorded server's id is left alone", async () => {
  const bystander = spawn(process.execPath, ['-e', 'process.stdin.resume()'], { stdio: ['pipe', 'ignore', 'ignore'] });
  cleanUps.push(() => bystander.kill('SIGKILL'));
  await mkdir(join(project, '.upriver'));
  const record = { hostPid: bystander.pid, pid: bystander.pid, port: 0, uiPort: 0 };
  await writeFile(join(project, '.upriver/temporal.json'), JSON.stringify(record));
  await becomeHost();
  expect(serverPid()).not.toBe(bystander.pid);
  expect(bystander.exitCode ?? bystander.signalCode).toBeNull();
});

test('a server that cannot start says why', async () => {
  await mkdir(join(project, '.upriver/temporal.db'), { recursive: true });
  await expect(hostOrJoin(project)).rejects.toMatchObject({
    code: 'CONFIG_TEMPORAL_START',
    message: expect.stringMatching(/unable to open database file/),
    hint: expect.stringMatching(/temporal\.log/),
  });
});

test('a state directory that cannot be made is an error that names it', async () => {
  await writeFile(join(project, '.upriver'), '');
  await expect(hostOrJoin(project)).rejects.toMatchObject({
    code: 'CONFIG_STATE_DIR',
    message: expect.stringContaining(join(project, '.upriver')),
  });
});

function listen(port: number): Promise<Server> {
  const server = createServer();
  return new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(server)));
}

test('a process that has ended and waits to be buried is not alive', async () => {
  // The shell becomes `sleep`, which never asks how its own child ended.
  const parent = spawn('sh', ['-c', 'true & echo $!; exec sleep 60'], { stdio: ['ignore', 'pipe', 'ignore'] });
  cleanUps.push(() => parent.kill('SIGKILL'));
  const [pid] = await once(createInterface({ input: parent.stdout }), 'line');
  while (isAlive(Number(pid))) await sleep(20);
  expect(isAlive(parent.pid as number)).toBe(true);
});
