/** Bundle, worker and connections against the real server. */
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { pino } from 'pino';
import { buildBundle } from '../../../src/temporal/build-bundle.ts';
import { connectClient, connectWorker } from '../../../src/temporal/connection.ts';
import { type EmbeddedHost, hostOrJoin } from '../../../src/temporal/embedded.ts';
import { createUpriverWorker, installRuntime } from '../../../src/temporal/worker.ts';

const GREET = fileURLToPath(new URL('./greet-workflow.ts', import.meta.url));
const lines: string[] = [];
/** Those that docs/operations.md names, as far as a healthy worker has them. */
const WATCHED = [
  'temporal_workflow_task_schedule_to_start_latency_bucket',
  'temporal_activity_schedule_to_start_latency_bucket',
  'temporal_worker_task_slots_available',
];

let project: string;
let temporal: EmbeddedHost;
let metricsAddress: string;

beforeAll(async () => {
  const log = pino({ level: 'info' }, { write: (line: string) => lines.push(line) });
  const server = await listen();
  metricsAddress = addressOf(server);
  expect(() => installRuntime(log, metricsAddress)).toThrow(
    expect.objectContaining({ code: 'CONFIG_METRICS_ADDRESS', message: expect.stringContaining('in use') }),
  );
  await new Promise((resolve) => server.close(resolve));
  installRuntime(log, metricsAddress);
  project = await mkdtemp(join(tmpdir(), 'upriver-worker-'));
  temporal = (await hostOrJoin(project)) as EmbeddedHost;
});

afterAll(async () => {
  await temporal.stop();
  await rm(project, { recursive: true, force: true, maxRetries: 10 });
});

test('runs a workflow of any type from TypeScript sources, and can be watched meanwhile', async () => {
  const code = await buildBundle(GREET);
  const connection = await connectWorker(temporal);
  const client = await connectClient(temporal);
  const worker = await createUpriverWorker({
    connection,
    namespace: temporal.namespace,
    taskQueue: 'q',
    activities: { greet: async (name: string) => `hello ${name}` },
    bundle: { code },
    identity: 'test',
  });
  const { result, metrics } = await worker.runUntil(async () => ({
    result: await client.workflow.execute('trial-deals', { workflowId: 'w', taskQueue: 'q', args: ['you'] }),
    metrics: await (await fetch(`http://${metricsAddress}/metrics`)).text(),
  }));
  expect(result).toBe('hello you');
  for (const name of WATCHED) expect(metrics).toMatch(new RegExp(`^${name}\\{.*task_queue="q"`, 'm'));
  expect((await client.workflow.getHandle('w').describe()).type).toBe('trial-deals');
  await connection.close();
  await client.connection.close();
  expect(lines.some((line) => line.includes('Worker state changed'))).toBe(true);
});

test('a bundle names no path of the machine that built it', async () => {
  const code = await buildBundle(GREET);
  const map = Buffer.from(/;base64,([A-Za-z0-9+/=]+)\s*$/.exec(code)?.[1] ?? '', 'base64').toString();
  expect(map).toContain('greet-workflow.ts');
  const root = fileURLToPath(new URL('../../..', import.meta.url));
  expect(code).not.toContain(root);
  expect(map).not.toContain(root);
});

test('a namespace that is not there', async () => {
  await expect(connectClient({ ...temporal, namespace: 'elsewhere' })).rejects.toMatchObject({
    code: 'CONFIG_TEMPORAL_NAMESPACE',
    message: expect.stringContaining('elsewhere'),
    hint: expect.stringContaining('temporal operator namespace create -n elsewhere'),
  });
});

test('nobody listens', async () => {
  const server = await listen();
  const address = addressOf(server);
  await new Promise((resolve) => server.close(resolve));
  await expect(connectClient({ address, namespace: 'default' })).rejects.toMatchObject({
    code: 'CONFIG_TEMPORAL_UNREACHABLE',
    message: expect.stringContaining(`no Temporal server answers at ${address}`),
    hint: expect.stringContaining('TEMPORAL_ADDRESS'),
  });
});

test('something else listens', async () => {
  const server = await listen();
  await expect(connectClient({ address: addressOf(server), namespace: 'default' })).rejects.toMatchObject({
    code: 'CONFIG_TEMPORAL_UNREACHABLE',
    message: expect.stringContaining('does not speak as Temporal does'),
  });
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
});

test('TLS to a server without it', async () => {
  await expect(connectClient({ ...temporal, tls: true })).rejects.toMatchObject({
    code: 'CONFIG_TEMPORAL_UNREACHABLE',
    hint: expect.stringContaining('whether the server uses TLS at all'),
  });
});

function listen(): Promise<Server> {
  const server = createServer((_request, reply) => reply.writeHead(404).end());
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve(server)));
}

function addressOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}
