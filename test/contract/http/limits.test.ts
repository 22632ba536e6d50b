/** Limits on real sockets and the real store: never a request over a window as the server itself counts. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { LimitPlan } from '../../../src/contracts/plan.ts';
import type { StateStore } from '../../../src/core/store.ts';
import { openDestination } from '../../../src/http/destination.ts';
import type { Destination } from '../../../src/http/http-client.ts';
import { openStore } from '../../../src/state/index.ts';
import { connection, httpServer, type TestServer } from './fixture.ts';

const LIMIT = 40;
const WINDOW_MS = 1_000;

/** A server with a rolling window of its own, which some other program uses too. */
interface CountingServer extends TestServer {
  /** When each request came; those of the other program too. */
  arrivals: number[];
  over: number;
  useElsewhere: (requests: number) => void;
}

async function countingServer(latency: () => number): Promise<CountingServer> {
  const counts = { arrivals: [] as number[], over: 0 };
  const left = () => LIMIT - counts.arrivals.filter((at) => at > performance.now() - WINDOW_MS).length;
  const arrive = () => {
    if (left() <= 0) counts.over++;
    counts.arrivals.push(performance.now());
  };
  const server = await httpServer((message, response) => {
    arrive();
    message.resume();
    const headers = {
      'x-hubspot-ratelimit-max': LIMIT,
      'x-hubspot-ratelimit-remaining': left(),
      'x-hubspot-ratelimit-interval-milliseconds': WINDOW_MS,
    };
    setTimeout(() => response.writeHead(200, headers).end('{}'), latency());
  });
  return Object.assign(counts, server, {
    useElsewhere: (requests: number) => {
      for (let i = 0; i < requests; i++) arrive();
    },
    [Symbol.asyncDispose]: () => server[Symbol.asyncDispose](),
  });
}

interface Sender {
  destination: Destination;
  taker: string;
}

/** Sends until the senders together have made so many requests; says how many each made. */
async function sendTogether(senders: Sender[], total: number, abreast = 10): Promise<number[]> {
  const made = senders.map(() => 0);
  let left = total;
  const work = async ({ destination, taker }: Sender, index: number) => {
    while (left-- > 0) {
      await sendOne(destination, taker);
      made[index] = (made[index] ?? 0) + 1;
    }
  };
  await Promise.all(senders.flatMap((sender, index) => Array.from({ length: abreast }, () => work(sender, index))));
  return made;
}

async function sendOne(destination: Destination, taker: string): Promise<void> {
  const { limiter } = destination;
  const { signal } = new AbortController();
  await (limiter.enter() ?? undefined);
  try {
    for (;;) {
      const permit = await limiter.permit('/x', taker, signal);
      const request = { method: 'PATCH', url: `${destination.baseUrl}/x`, path: '/x', headers: {}, body: '{}' };
      const exchange = await destination.send(request, { mayLeave: () => permit.fresh(), signal });
      if (exchange.kind === 'reply') limiter.observe(exchange.headers);
      if (exchange.kind !== 'not_sent') return permit.answered();
      permit.unused();
    }
  } finally {
    limiter.leave();
  }
}

describe('a limit shared by processes', () => {
  let folder: string;
  const stores: StateStore[] = [];
  const destinations: Destination[] = [];

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'upriver-limits-'));
  });
  afterEach(async () => {
    for (const destination of destinations.splice(0)) await destination[Symbol.asyncDispose]();
    for (const store of stores.splice(0)) await store[Symbol.asyncDispose]();
    await rm(folder, { recursive: true });
  });

  /** A destination as each process has its own: with its own connection to the store. */
  async function openProcess(baseUrl: string, limits: LimitPlan[], maxInFlight = 20): Promise<Destination> {
    const store = await openStore({ path: join(folder, 'state.db') });
    stores.push(store);
    const destination = await openDestination(connection(baseUrl, { limits, maxInFlight }), {
      permits: store,
      secrets: { resolve: () => Promise.reject(new Error('no secrets here')) },
      now: () => performance.now(),
      wallClock: () => Date.now(),
      random: Math.random,
    });
    destinations.push(destination);
    return destination;
  }

  const limits: LimitPlan[] = [{ requests: LIMIT, perMs: WINDOW_MS, paths: null }];

  test.each([
    ['fast answers', () => 0],
    ['answers that take 20 to 300 ms', () => 20 + Math.random() * 280],
  ])(
    'two processes with two loops each, %s: the server never counts more, and each gets its share',
    async (_name, latency) => {
      await using server = await countingServer(latency);
      const senders: Sender[] = [];
      for (let process = 0; process < 2; process++) {
        const destination = await openProcess(server.url, limits);
        for (const taker of ['a', 'b']) senders.push({ destination, taker });
      }
      const made = await sendTogether(senders, 6 * LIMIT);
      expect(server.arrivals).toHaveLength(6 * LIMIT);
      expect(server.over).toBe(0);
      expect(Math.min(...made)).toBeGreaterThanOrEqual(LIMIT / 2);
    },
  );

  test('two windows at once hold both', async () => {
    await using server = await countingServer(() => 5);
    const both = [...limits, { requests: 60, perMs: 3_000, paths: null }];
    const destination = await openProcess(server.url, both);
    await sendTogether([{ destination, taker: 'a' }], 130);
    expect(server.over).toBe(0);
    for (const [i, at] of server.arrivals.entries()) {
      expect((server.arrivals[i + 60] ?? Number.POSITIVE_INFINITY) - at).toBeGreaterThanOrEqual(3_000);
    }
  });

  test('what another program uses is left to it as soon as the server’s headers show it', async () => {
    await using server = await countingServer(() => 5);
    const destination = await openProcess(server.url, limits, 2);
    const sender = { destination, taker: 'a' };
    await sendTogether([sender], 1, 1);
    server.useElsewhere(LIMIT - 10);
    await sendTogether([sender], 60, 2);
    // What was under way when the other program began could not know; without the headers it would be 30.
    expect(server.over).toBeLessThanOrEqual(4);
  });

  test('a pause of one process holds in the other', async () => {
    await using server = await countingServer(() => 0);
    const one = await openProcess(server.url, limits);
    const other = await openProcess(server.url, limits);
    const before = performance.now();
    await one.limiter.pause(700);
    await sendTogether([{ destination: other, taker: 'a' }], 5);
    expect((server.arrivals[0] ?? 0) - before).toBeGreaterThanOrEqual(700);
  });
});
