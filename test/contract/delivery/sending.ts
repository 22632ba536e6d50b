/** Sends rows segment by segment, as the loop's workflow does, but without its pauses. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { SendInput, SendResult } from '../../../src/contracts/activities.ts';
import type { ActionPlan, HttpConnectionPlan } from '../../../src/contracts/plan.ts';
import type { StateStore } from '../../../src/core/store.ts';
import { encode, type Value } from '../../../src/core/values.ts';
import { RowReader } from '../../../src/delivery/row-reader.ts';
import { runSegment } from '../../../src/delivery/segment.ts';
import { openDestination } from '../../../src/http/index.ts';
import { openStore } from '../../../src/state/index.ts';
import { loop, plan } from '../../helpers/plans.ts';

export interface Sending extends AsyncDisposable {
  store: StateStore;
  send(rows: Value[][], how: HowToSend): Promise<Sent>;
  /** One more attempt of what was sent last. */
  again(): Promise<SendResult>;
}

export interface HowToSend {
  url: string;
  actions: ActionPlan[];
  maxInFlight: number;
  segmentMs?: number;
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
  let again = (): Promise<SendResult> => Promise.reject(new Error('nothing was sent yet'));
  return {
    store,
    again: () => again(),
    async send(rows, how) {
      const runId = `run-${++runs}`;
      const input = await inputOf(rows, { runId, how, store });
      again = () => runOnce(input, store);
      return { runId, ...(await sendAll(input, how, store)) };
    },
    async [Symbol.asyncDispose]() {
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
  const step = loop({ maxInFlight: how.maxInFlight });
  const { connections, actions } = plan({ url: how.url, steps: [], actions: how.actions });
  return {
    run: { runId, river: 'deals', startedAt: '', scheduledAt: '', dryRun: false, full: false },
    loop: { runId, path: 'each' },
    step,
    body: step.steps,
    fromChunk: 0,
    scope: {},
    rows: [],
    actions,
    connections,
    probe: false,
    rowset: { $rowset: runId, rows: meta.rows, columns: meta.columns },
    segmentMs: how.segmentMs ?? 60_000,
  };
}

async function sendAll(input: SendInput, how: HowToSend, store: StateStore): Promise<Omit<Sent, 'runId'>> {
  let at = input;
  let parks = 0;
  for (let segments = 0; segments < MOST_SEGMENTS; segments++) {
    const result = await runOnce(at, store);
    if (result.park) parks++;
    if (result.stop || result.nextChunk === null || parks >= (how.mostParks ?? MOST_PARKS)) return { result, parks };
    if (result.park) await how.onPark?.();
    at = { ...input, fromChunk: result.nextChunk, probe: result.park !== null };
  }
  throw new Error('the loop does not end');
}

async function runOnce(input: SendInput, store: StateStore): Promise<SendResult> {
  const deps = {
    permits: store,
    secrets: { resolve: async () => 'token' },
    now: () => performance.now(),
    random: Math.random,
    wallClock: () => Date.now(),
  };
  await using destination = await openDestination(input.connections.api as HttpConnectionPlan, deps);
  const never = new AbortController().signal;
  return await runSegment(input, {
    ...deps,
    store,
    rows: new RowReader(store),
    destinations: new Map([['api', destination]]),
    sleep: (ms: number) => sleep(ms),
    stop: never,
    abort: never,
  });
}
