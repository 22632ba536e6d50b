/** Sends a batch: halves it when it is refused as a whole, and sends alone what its answer does not account for. */
import type { CompiledAction } from './action.ts';
import { type Answer, type AttemptContext, attempt, releaseAll } from './attempts.ts';
import type { TimedStep, Unit } from './task.ts';
import type { BatchItem } from './batch-source.ts';
import { type RowVerdict, verdicts } from './batch-verdicts.ts';
import { OUTCOME_OF, type RowEnd } from './row-walk.ts';
import type { Scope } from '../core/values.ts';

export interface BatchContext {
  action: CompiledAction;
  attempts: AttemptContext;
  markAhead: boolean;
  timed: readonly TimedStep[];
  /** The loop's: no row's values. */
  scope: Scope;
  /** Called once for each row, as its outcome is known. */
  settle: (item: BatchItem, end: RowEnd) => void;
}

/** Every item is settled exactly once, or StoppedError is thrown and those left are as they were. */
export async function sendBatch(items: readonly BatchItem[], context: BatchContext): Promise<void> {
  const answer = await attempt(unitOf(items, context), context.attempts);
  if (answer.then === 'split') {
    beginAnew(items, context);
    return sendHalves(items, context);
  }
  if (answer.then !== 'deliver') {
    const end = endOf(answer);
    for (const item of items) context.settle(item, end);
    return;
  }
  const unaccounted = settleNamed(items, answer, context);
  if (unaccounted.length > 0) await sendAlone(unaccounted, { answer, alone: items.length === 1 }, context);
}

/**
 * The bad rows stand alone after about log2(n) halvings each; in all, a batch of n never costs more than 2n - 1 requests,
 * and each one's tries.
 */
async function sendHalves(items: readonly BatchItem[], context: BatchContext): Promise<void> {
  const middle = Math.ceil(items.length / 2);
  await sendBatch(items.slice(0, middle), context);
  await sendBatch(items.slice(middle), context);
}

/** In smaller requests: each has all its tries, as none of those before it was about its rows alone. */
function beginAnew(items: readonly BatchItem[], { attempts }: BatchContext): void {
  for (const { task } of items) Object.assign(task.progress, { attempts: 0, charged: 0 });
  releaseAll({ rows: items.map(({ task }) => task) }, attempts);
}

function settleNamed(items: readonly BatchItem[], answer: Answer, context: BatchContext): BatchItem[] {
  const { batch } = context.action;
  const scope = answer.reply?.scope;
  const delivered = endOf(answer);
  if (!batch || !scope || context.attempts.rehearsal) {
    for (const item of items) context.settle(item, delivered);
    return [];
  }
  const found = verdicts(
    batch,
    items.map(({ id }) => id),
    scope,
  );
  const unaccounted: BatchItem[] = [];
  for (const [index, item] of items.entries()) {
    const verdict = found[index] as RowVerdict;
    if (verdict === 'unaccounted') unaccounted.push(item);
    else context.settle(item, verdict === 'delivered' ? delivered : endOf(answer, verdict));
  }
  return unaccounted;
}

interface Unaccounted {
  answer: Answer;
  /** They were alone already: nothing more can be learnt. */
  alone: boolean;
}

async function sendAlone(items: BatchItem[], { answer, alone }: Unaccounted, context: BatchContext): Promise<void> {
  const idempotent = context.action.requests[0]?.plan.idempotent ?? false;
  if (alone || !idempotent) {
    for (const item of items) context.settle(item, unaccountedEnd(answer, idempotent));
    return;
  }
  beginAnew(items, context);
  for (const item of items) await sendBatch([item], context);
}

function unitOf(items: readonly BatchItem[], { action, markAhead, scope, timed }: BatchContext): Unit {
  const [request] = action.requests;
  if (!request || !action.batch) throw new Error(`action ${action.plan.name} is no batch`);
  const texts = items.map(({ text }) => text);
  return {
    rows: items.map(({ task }) => task),
    request,
    prepared: action.batch.build.body(texts, scope, action.destination.baseUrl),
    markAhead,
    keepsProgress: false,
    timed,
  };
}

function endOf(answer: Answer, refusal: { code: string; message: string } | null = null): RowEnd {
  const base = { answer, outputs: {}, code: answer.code, message: answer.message };
  if (refusal) return { ...base, ...refusal, outcome: 'rejected', stop: null };
  if (answer.then === 'deliver') return { ...base, outcome: 'delivered', stop: null };
  const outcome = OUTCOME_OF[answer.then as keyof typeof OUTCOME_OF];
  return { ...base, outcome, stop: answer.then === 'stop' ? 'rule' : null };
}

/** Sent again alone and still not named: its tries are used up. Not safe to send again: nobody knows. */
function unaccountedEnd(answer: Answer, idempotent: boolean): RowEnd {
  const message = idempotent
    ? 'The API answered, also to this row alone, without saying what became of it.'
    : 'The API answered without saying what became of this row, and it is not safe to send again.';
  return {
    outcome: idempotent ? 'failed' : 'unknown',
    code: 'ROW_UNACCOUNTED',
    message,
    answer,
    outputs: {},
    stop: null,
  };
}
