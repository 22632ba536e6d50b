/** Real servers on the loopback and a destination that talks to them. */
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import net, { type AddressInfo, type Socket } from 'node:net';
import type { AuthPlan, HttpConnectionPlan } from '../../../src/contracts/plan.ts';
import { openDestination } from '../../../src/http/destination.ts';
import type { Destination, Exchange, PreparedRequest, SendOptions } from '../../../src/http/http-client.ts';
import { createSecretResolver } from '../../../src/temporal/secrets.ts';
import { MemoryPermits } from '../../doubles/memory-permits.ts';

export interface TestServer extends AsyncDisposable {
  url: string;
  port: number;
}

export async function httpServer(listener: RequestListener): Promise<TestServer> {
  const server = createServer(listener);
  return listening(server, () => server.closeAllConnections());
}

/** A server below HTTP: for resets, half answers and silence. */
export async function rawServer(onSocket: (socket: Socket) => void): Promise<TestServer> {
  const sockets = new Set<Socket>();
  const server = net.createServer((socket) => {
    sockets.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => sockets.delete(socket));
    onSocket(socket);
  });
  return listening(server, () => {
    for (const socket of sockets) socket.destroy();
  });
}

async function listening(server: Server | net.Server, closeSockets: () => void): Promise<TestServer> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      closeSockets();
      await closed;
    },
  };
}

/** A port on which nothing listens. */
export async function deadPort(): Promise<number> {
  const server = await rawServer(() => {});
  await server[Symbol.asyncDispose]();
  return server.port;
}

export async function readAll(message: IncomingMessage): Promise<string> {
  let text = '';
  for await (const chunk of message) text += chunk;
  return text;
}

export function json(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
}

export function connection(baseUrl: string, change: Partial<HttpConnectionPlan> = {}): HttpConnectionPlan {
  return {
    name: 'api',
    type: 'http',
    baseUrl,
    auth: { type: 'none' },
    headers: {},
    limits: [],
    reserve: 0,
    maxInFlight: 20,
    timeoutMs: 5_000,
    rules: [],
    ...change,
  };
}

export interface OpenOptions extends Partial<HttpConnectionPlan> {
  env?: Record<string, string>;
}

export async function open(baseUrl: string, { env = {}, ...change }: OpenOptions = {}): Promise<Destination> {
  return openDestination(connection(baseUrl, change), {
    permits: new MemoryPermits(() => performance.now()),
    secrets: createSecretResolver({ env, projectDir: '/' }),
    now: () => performance.now(),
    wallClock: () => Date.now(),
    random: Math.random,
  });
}

export const bearer = { type: 'bearer', token: { env: 'TOKEN' } } as const satisfies AuthPlan;

export function request(base: string, change: Partial<PreparedRequest> = {}): PreparedRequest {
  return { method: 'GET', url: `${base}/x`, path: '/x', headers: {}, body: null, ...change };
}

export const anytime: SendOptions = { mayLeave: () => true, signal: new AbortController().signal };

export function replyOf(exchange: Exchange): Extract<Exchange, { kind: 'reply' }> {
  if (exchange.kind !== 'reply') throw new Error(`no reply but ${exchange.kind}: ${exchange.message}`);
  return exchange;
}
