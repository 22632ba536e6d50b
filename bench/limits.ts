/** How much of 190 requests in 10 s is used, as the API itself counts, with one worker, two, and two rivers at once. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Api, startApi } from '../test/chaos/processes.ts';
import { sendPlan } from './plans.ts';
import type { Rig } from './rig.ts';

const LIMIT = { requests: 190, perMs: 10_000 };
const POLL_MS = 20;

export interface LimitsCase {
  rivers: number;
  /** Windows to fill: each takes 10 s. */
  windows: number;
  latency: { minMs: number; maxMs: number };
}

export interface LimitUse {
  /** 1: every window was full and followed by the next at once. */
  used: number;
  /** Requests over the limit in any rolling window, and 429s given. */
  over: number;
  limited: number;
}

/** Enough rows that the last window is only begun: from the first request to the first of that one no time may be lost. */
export async function limitUse(rig: Rig, { rivers, windows, latency }: LimitsCase): Promise<LimitUse> {
  const full = windows * LIMIT.requests;
  const rows = Math.ceil((full + 10) / rivers);
  await using api = await startApi(rows, { limits: { ...LIMIT, daily: null }, latency });
  const limits = [{ ...LIMIT, paths: null }];
  const running = Array.from({ length: rivers }, (_, n) =>
    rig.run(sendPlan({ url: api.url, rows, maxInFlight: 50, limits, name: `limits-${n + 1}` })),
  );
  const [ms] = await Promise.all([timeOf(full, api), ...running]);
  const { limits: counted } = await api.state();
  return { used: (windows * LIMIT.perMs) / ms, over: counted.over, limited: counted.limited };
}

/** Milliseconds from the first request to the one after `requests`. */
async function timeOf(requests: number, api: Api): Promise<number> {
  let first: number | null = null;
  for (;;) {
    const { deals } = await api.state();
    const now = performance.now();
    if (deals.received > 0) first ??= now;
    if (first !== null && deals.received > requests) return now - first;
    await sleep(POLL_MS);
  }
}
