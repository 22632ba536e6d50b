/** Follows a run in the store while it runs, twice a second, and hands what it sees to a view. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { StateStore, StepRecord } from '../core/store.ts';
import { readSteps } from './run-view.ts';

const EVERY_MS = 500;
/** Rates are taken over this long, so that a pause for a limit shows and a hiccup does not. */
const RATE_WINDOW_MS = 10_000;
/** A loop that has not moved for this long is asked why. */
const STALL_MS = 3_000;

export interface ProgressView {
  update(steps: readonly StepProgress[], now: number): void;
  /** Leaves the screen as it is to stay. */
  close(): void;
}

export interface StepProgress {
  step: StepRecord;
  /** Running loops: rows a second lately and what that makes of the rest, in ms. Null: not known yet. */
  perSecond: number | null;
  leftMs: number | null;
  /** Why a running loop does not move, where it says so. */
  note: string | null;
}

/** Asks a loop why it waits; null: it does not say. */
export type AskWhy = (stepId: string) => Promise<string | null>;

export interface Followed {
  store: StateStore;
  runId: string;
  view: ProgressView;
  askWhy: AskWhy;
}

/** Runs until `signal` fires; then shows the last state once more and closes the view. */
export async function followRun({ store, runId, view, askWhy }: Followed, signal: AbortSignal): Promise<void> {
  const meters = new Map<string, LoopMeter>();
  const show = async () => {
    const now = Date.now();
    // A store that is busy or away is the run's matter; progress just misses a beat.
    const steps = await readSteps(store, runId).catch(() => null);
    if (!steps) return;
    view.update(
      steps.map((step) => progressOf(step, meters, { now, askWhy })),
      now,
    );
  };
  try {
    while (!signal.aborted) {
      await show();
      await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
    }
    await show();
  } finally {
    view.close();
  }
}

interface LoopMeter {
  rate: RateMeter;
  stall: StallMeter;
}

function progressOf(
  step: StepRecord,
  meters: Map<string, LoopMeter>,
  { now, askWhy }: { now: number; askWhy: AskWhy },
): StepProgress {
  if (!step.rows || step.status !== 'running') return { step, perSecond: null, leftMs: null, note: null };
  const meter = meters.get(step.stepId) ?? { rate: rateMeter(), stall: stallMeter(() => askWhy(step.stepId)) };
  meters.set(step.stepId, meter);
  const done = step.rows.read - step.rows.not_attempted;
  const perSecond = meter.rate(done, now);
  const leftMs = perSecond ? (step.rows.not_attempted / perSecond) * 1000 : null;
  return { step, perSecond, leftMs, note: meter.stall(done, now) };
}

type StallMeter = (done: number, now: number) => string | null;

/** Asks why when nothing moves, every few seconds, without waiting for the answer; tells the last one. */
function stallMeter(ask: () => Promise<string | null>): StallMeter {
  let last = { done: -1, askedAt: 0, note: null as string | null };
  return (done, now) => {
    if (done !== last.done) last = { done, askedAt: now, note: null };
    else if (now - last.askedAt >= STALL_MS) {
      const asked = last;
      asked.askedAt = now;
      ask().then(
        (note) => {
          asked.note = note;
        },
        () => {},
      );
    }
    return last.note;
  };
}

type RateMeter = (done: number, now: number) => number | null;

/** Rows a second over the last seconds; null until there are two readings. */
export function rateMeter(): RateMeter {
  const readings: { done: number; at: number }[] = [];
  return (done, now) => {
    readings.push({ done, at: now });
    while (readings.length > 2 && (readings[1]?.at ?? now) <= now - RATE_WINDOW_MS) readings.shift();
    const first = readings[0];
    return first && now > first.at ? ((done - first.done) / (now - first.at)) * 1000 : null;
  };
}
