/** Sends rows segment by segment, as the loop's workflow does, but without its pauses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SendInput, SendResult } from '../../../src/contracts/activities.ts';
import type { ActionPlan, HttpConnectionPlan, StepPlan } from '../../../src/contracts/plan.ts';
import type { StateStore } from '../../../src/core/store.ts';
import { encode, type Value } from '../../../src/core/values.ts';
import { RowReader } from '../../../src/delivery/row-reader.ts';
import { runSegment } from '../../../src/delivery/segment.ts';
import { type Destination, openDestination } from '../../../src/http/index.ts';
import { openStore } from '../../../src/state/index.ts';
import { loop, plan } from '../../helpers/plans.ts';

export interface Sending extends AsyncDisposable {
  store: StateStore;
  send(rows: Value[][], how: HowToSend): Promise<Sent>;
  /** One more attempt of what was sent last. */
  again(): Promise<SendResult>;
  /** Cuts off what is under way, as the end of a process would. */
  cut(): void;
}

export interface HowToSend {
  url: string;
  actions: ActionPlan[];
  maxInFlight: number;
  connection?: Partial<HttpConnectionPlan>;
  /** URLs of further connections, by name. */
  others?: Record<string, string>;
  /** The loop's body; without it: the action `update`. */
  steps?: StepPlan[];
  segmentMs?: number;
  /** It ends after so many. */
  mostSegments?: number;
  /** Epoch milliseconds. */
  wallClock?: () => number;
  random?: () => number;
  /** Called before each probe. */
  onPark?: () => void | Promise<void>;
  /** An outage that lasts longer is given up. */
  mostParks?: number;
}

export interface Sent {
  runId: string;
  result: SendResult;
  /** How often the loop was parked. */
  parks: number;
}

const MOST_PARKS = 200;
const MOST_SEGMENTS = 1_000;

export async function openSending(): Promise<Sending> {
  const dir = await mkdtemp(join(tmpdir(), 'upriver-segment-'));
  const store = await openStore({ path: join(dir, 'state.db') });
  let runs = 0;
  let life = new AbortController();
  let again = (): Promise<SendResult> => Promise.reject(new Error('nothing was sent yet'));
  return {
    store,
    again: () => again(),
    cut() {
      life.abort();
      life = new AbortController();
    },
    async send(rows, how) {
      const runId = `run-${++runs}`;
      const input = await inputOf(rows, { runId, how, store });
      const { wallClock = Date.now, random = Math.random } = how;
      const run = (at: SendInput) => runOnce(at, { store, wallClock, random, abort: life.signal });
      again = () => run(input);
      return { runId, ...(await sendAll(input, how, run)) };
    },
    async [Symbol.asyncDispose]() {
      life.abort();
      await store[Symbol.asyncDispose]();
      await rm(dir, { recursive: true, force: true });
    },
  };
}

async function inputOf(
  rows: Value[][],
  { runId, how, store }: { runId: string; how: HowToSend; store: StateStore },
): Promise<SendInput> {
  const writer = await store.writeRowset(runId, { runId, columns: ['deal_id', 'properties'] });
  await writer.append(rows.map(encode));
  const meta = await writer.publish();
  const step = loop({ maxInFlight: how.maxInFlight, ...(how.steps ? { steps: how.steps } : {}) });
  const { connections, actions } = plan({ url: how.url, steps: [], actions: how.actions });
  const api = { ...(connections.api as HttpConnectionPlan), ...how.connection };
  const others = Object.entries(how.others ?? {}).map(([name, baseUrl]) => [name, { ...api, name, baseUrl }]);
  return {
    run: { runId, river: 'deals', startedAt: '', scheduledAt: '', dryRun: false, full: false },
    loop: { runId, path: 'each' },
    step,
    body: step.steps,
    fromChunk: 0,
    scope: {},
    rows: [],
    actions,
    connections: { api, ...Object.fromEntries(others) },
    probe: false,
    rowset: { $rowset: runId, rows: meta.rows, columns: meta.columns },
    segmentMs: how.segmentMs ?? 60_000,
  };
}

type Run = (input: SendInput) => Promise<SendResult>;

async function sendAll(input: SendInput, how: HowToSend, run: Run): Promise<Omit<Sent, 'runId'>> {
  let at = input;
  let parks = 0;
  for (let segments = 1; segments <= MOST_SEGMENTS; segments++) {
    const result = await run(at);
    if (result.park) parks++;
    const isEnough = parks >= (how.mostParks ?? MOST_PARKS) || segments === how.mostSegments;
    if (result.stop || result.nextChunk === null || isEnough) return { result, parks };
    if (result.park) await how.onPark?.();
    at = { ...input, fromChunk: result.nextChunk, probe: result.park !== null };
  }
  throw new Error('the loop does not end');
}

interface Process {
  store: StateStore;
  wallClock: () => number;
  random: () => number;
  abort: AbortSignal;
}

async function runOnce(input: SendInput, { store, wallClock, random, abort }: Process): Promise<SendResult> {
  const deps = {
    permits: store,
    secrets: { resolve: async () => 'token' },
    now: () => performance.now(),
    wallClock,
    random,
  };
  await using opened = new AsyncDisposableStack();
  const destinations = new Map<string, Destination>();
  for (const connection of Object.values(input.connections) as HttpConnectionPlan[]) {
    destinations.set(connection.name, opened.use(await openDestination(connection, deps)));
  }
  return await runSegment(input, {
    ...deps,
    store,
    rows: new RowReader(store),
    destinations,
    sleep: (ms: number) => sleep(ms),
    stop: new AbortController().signal,
    abort,
  });
}
