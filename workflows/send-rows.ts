/** Sends rows segment by segment, and pauses durably when the destination is away or a limit is far off. */
import { isCancellation, sleep } from '@temporalio/workflow';
import type { SendInput, SendResult } from '../src/contracts/activities.ts';
import type { SendCarry } from '../src/contracts/loop.ts';
import { formatDuration } from '../src/core/durations.ts';
import { hasAnswered, noteOutage, outagePause } from '../src/core/outage-clock.ts';
import { summaryOf } from '../src/core/summary.ts';
import { call } from './activities.ts';
import { rowFailure } from './row-end.ts';
import type { SharedOutage } from './shared-outage.ts';

/** A segment's length: long enough to cost little, short enough that counts in the UI are fresh. */
const SEGMENT_MS = 20_000;
/** The longest timer there is: a dry run keeps nothing from one segment to the next. */
const UNTIL_THE_END_MS = 2 ** 31 - 1;
const LONGEST_OUTAGE_MS = 24 * 3_600_000;
const HAND_OVER_MS = 1_000;

export type SendPlan = Omit<SendInput, 'fromChunk' | 'probe' | 'segmentMs'>;

export interface SendHooks {
  /** How long an outage may last; null: a day. */
  outageLimitMs: number | null;
  onSegment: (result: SendResult, note: string | null) => void;
  /** Shared with others that send to the same destination in this workflow. */
  outage?: SharedOutage;
  /** Asked between segments; may carry on as new and never return. */
  carryOn: (carry: SendCarry) => Promise<void>;
}

export async function sendAll(plan: SendPlan, carry: SendCarry, hooks: SendHooks): Promise<SendResult> {
  try {
    return await sendSegments(plan, carry, hooks);
  } catch (error) {
    // The step's timeout: why nothing came of it says more than that it is over.
    const limit = hooks.outageLimitMs ?? LONGEST_OUTAGE_MS;
    const late = isCancellation(error) && Date.now() - carry.startedAt >= limit;
    throw late && carry.outageSince !== null ? outageTooLong(carry, carry.outageSince, hooks) : error;
  } finally {
    hooks.outage?.end(carry, false);
  }
}

async function sendSegments(plan: SendPlan, carry: SendCarry, hooks: SendHooks): Promise<SendResult> {
  let settled = -1;
  for (;;) {
    const result = await sendSegment(plan, carry);
    if (result.park?.reason !== 'outage') hooks.outage?.end(carry, true);
    const moved = settledRows(result) > settled;
    settled = settledRows(result);
    hooks.onSegment(result, null);
    if (result.stop || result.nextChunk === null) return result;
    carry.fromChunk = result.nextChunk;
    if (result.park) await pause(result.park, { carry, hooks, result });
    else {
      if (hasAnswered(carry, result.rows)) carry.outageSince = null;
      // A worker that drains hands over at once: give another one time to take it.
      if (!moved) await sleep(HAND_OVER_MS, { summary: 'hand-over' });
    }
    await hooks.carryOn(carry);
  }
}

async function sendSegment(plan: SendPlan, { fromChunk, outageSince }: SendCarry): Promise<SendResult> {
  const { path } = plan.loop;
  const id = plan.step ? `${path}/chunk-${fromChunk}` : path;
  const summary = plan.step ? `send rows from chunk ${fromChunk}` : `action ${path}`;
  return call({ id, summary }).sendRows({
    ...plan,
    fromChunk,
    probe: outageSince !== null,
    segmentMs: plan.run.dryRun ? UNTIL_THE_END_MS : SEGMENT_MS,
  });
}

interface PauseContext {
  carry: SendCarry;
  hooks: SendHooks;
  result: SendResult;
}

async function pause(park: NonNullable<SendResult['park']>, { carry, hooks, result }: PauseContext): Promise<void> {
  if (park.reason === 'limit') {
    hooks.onSegment(result, `Waiting for the API's limit: ${park.message}`);
    await sleep(park.ms, { summary: summaryOf(`limit: ${park.message}`) });
    return;
  }
  const { outageSince, answered } = noteOutage(carry, result.rows, Date.now());
  Object.assign(carry, { outageSince, answered, outageMessage: park.message });
  const lasted = Date.now() - outageSince;
  if (lasted >= (hooks.outageLimitMs ?? LONGEST_OUTAGE_MS)) throw outageTooLong(carry, outageSince, hooks);
  hooks.onSegment(result, `The destination is out of reach: ${park.message}`);
  if (hooks.outage && !hooks.outage.probes(carry)) {
    if (await hooks.outage.hear()) carry.outageSince = null;
    return;
  }
  await sleep(outagePause(lasted), { summary: summaryOf(`outage: ${park.message}`) });
}

function outageTooLong({ outageMessage }: SendCarry, since: number, { outageLimitMs }: SendHooks): Error {
  const seconds = Math.max(Math.round((Date.now() - since) / 1_000), 1);
  const report = {
    code: 'REMOTE_OUTAGE',
    message: `The destination was out of reach for ${formatDuration(seconds * 1_000)}: ${outageMessage}`,
    hint: 'Rows that were not sent are not attempted; `upriver retry` sends them when it is back.',
  };
  // The rows that come after would each wait for another day.
  return rowFailure(report, { outcome: 'failed', stopsLoop: outageLimitMs === null });
}

function settledRows({ rows }: SendResult): number {
  return rows.read - rows.not_attempted;
}
