/** Rows a second against a plain undici loop that sends the same requests, in the same minutes, to the same server. */
import { startApi } from '../test/chaos/processes.ts';
import { plainBatchLoop, plainLoop } from './plain-loop.ts';
import { properties, sendPlan } from './plans.ts';
import { type Rig, TOKEN } from './rig.ts';
import { median } from './table.ts';

export interface ThroughputCase {
  rows: number;
  latencyMs: number;
  maxInFlight: number;
  batch?: number;
  /** Ours and theirs take turns so many times. */
  pairs: number;
}

export interface Throughput {
  /** Rows a second, medians. */
  upriver: number;
  plain: number;
  /** Median of the pairs' ratios: a busy machine slows both. */
  ratio: number;
}

export async function throughput(rig: Rig, given: ThroughputCase): Promise<Throughput> {
  const { rows, latencyMs, maxInFlight, batch, pairs } = given;
  await using api = await startApi(rows, { limits: null, latency: { minMs: latencyMs, maxMs: latencyMs } });
  const { url } = api;
  const plan = sendPlan({ url, rows, maxInFlight, batch });
  const options = { url, rows, concurrency: maxInFlight, token: TOKEN, properties };
  const ours: number[] = [];
  const theirs: number[] = [];
  for (let pair = 0; pair < pairs; pair++) {
    const { steps, rows: counts } = await rig.run(plan);
    if (counts.delivered !== rows) throw new Error(`${counts.delivered} of ${rows} rows were delivered`);
    ours.push(rows / ((steps.find(({ type }) => type === 'loop')?.duration_ms ?? 0) / 1_000));
    const plain = await (batch ? plainBatchLoop({ ...options, batch }) : plainLoop(options));
    if (plain.bad > 0) throw new Error(`${plain.bad} requests of the plain loop went wrong`);
    theirs.push(plain.rowsPerSecond);
  }
  const ratios = ours.map((one, pair) => one / (theirs[pair] ?? Number.NaN));
  return { upriver: Math.round(median(ours)), plain: Math.round(median(theirs)), ratio: median(ratios) };
}
