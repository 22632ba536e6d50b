/** Several processes on one store, and processes that die. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { KEY } from './loop-cases.ts';
import type { Place } from './suite.ts';

const COMMITS_BEFORE_KILL = 40;
const WINDOW = { id: 'api/0', requests: 12, perMs: 300 };

interface Request {
  taker: string;
  number: number;
  from: number;
  to: number | null;
}

export function processCases(place: Place): void {
  test('kill -9 between commits: what was acknowledged is there, and nothing by halves', async () => {
    const store = await place.open();
    const child = start('commit', place.target);
    let acknowledged = 0;
    for await (const line of linesOf(child)) {
      acknowledged = Number(line);
      if (acknowledged === COMMITS_BEFORE_KILL) child.kill('SIGKILL');
    }
    expect(acknowledged).toBeGreaterThanOrEqual(COMMITS_BEFORE_KILL);
    const { requests, rows } = await store.countLoop(KEY);
    expect([acknowledged, acknowledged + 1]).toContain(requests);
    expect(rows.delivered).toBe(2 * requests);
    for (const chunk of [0, 1]) {
      const states = await store.readStates(KEY, chunk);
      expect([states.lastIndexOf(2) + 1, states.filter((state) => state === 2).length]).toEqual([requests, requests]);
    }
    expect(await store.readRecords(KEY, {})).toHaveLength(requests);
    const keys = Array.from({ length: requests + 1 }, (_, n) => {
      const key = new Uint8Array(16);
      new DataView(key.buffer).setUint32(0, n + 1);
      return key;
    });
    expect((await store.lookupDelivered('s', keys)).size).toBe(requests);
  });

  test('processes that take permits at once, one of them killed, never exceed the limit', async () => {
    await place.open();
    const requests = new Map<string, Request>();
    const takers = ['a', 'b', 'c'].map((taker) =>
      start('permits', { target: place.target, taker, window: WINDOW, permits: 60 }),
    );
    await Promise.all(
      takers.map(async (child, index) => {
        for await (const line of linesOf(child)) {
          const request = JSON.parse(line) as Request;
          requests.set(`${request.taker}/${request.number}`, request);
          if (index === 2 && request.number === 15) child.kill('SIGKILL');
        }
      }),
    );
    expect(requests.size).toBeGreaterThanOrEqual(2 * 60 + 15);
    expect(mostInOneWindow([...requests.values()])).toBeLessThanOrEqual(WINDOW.requests);
    expect(mostInOneWindow([...requests.values()])).toBeGreaterThan(WINDOW.requests / 2);
  });
}

/** The most requests that a server could see in any window, whenever between leaving and answer it counts each. */
function mostInOneWindow(requests: readonly Request[]): number {
  const nanoseconds = WINDOW.perMs * 1e6;
  const spans = requests.map(({ from, to }) => ({ from, to: to ?? from }));
  const counts = spans.map(
    ({ from }) => spans.filter((span) => span.from <= from && span.to > from - nanoseconds).length,
  );
  return Math.max(...counts);
}

function start(child: 'commit' | 'permits', argument: object): ChildProcess {
  const script = fileURLToPath(new URL(`./children/${child}.ts`, import.meta.url));
  return spawn(process.execPath, [script, JSON.stringify(argument)], {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: { ...process.env, NODE_OPTIONS: '' },
  });
}

async function* linesOf(child: ChildProcess): AsyncGenerator<string> {
  const ended = once(child, 'close');
  if (child.stdout) yield* createInterface({ input: child.stdout });
  await ended;
}
