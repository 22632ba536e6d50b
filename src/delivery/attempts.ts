/** One request of one or more rows, tried until it has a verdict that is final for them. */
import { backoffMs } from '../core/backoff.ts';
import { toReport } from '../core/errors.ts';
import type { RowProgress } from '../core/store.ts';
import { encode, type Value } from '../core/values.ts';
import { mayBeApplied, type Verdict } from '../core/judge.ts';
import type { Reply } from '../core/reply.ts';
import type { Exchange, PreparedRequest } from '../http/http-client.ts';
import { pauseMs, retryAfterMs } from '../http/rate-headers.ts';
import type { OutageDetector } from './outage.ts';
import type { Outages } from './outages.ts';
import type { Rehearsal } from './rehearsal.ts';
import { unsure } from './hash.ts';
import { type SenderContext, StoppedError, sendOne } from './sender.ts';
import { lateness, spend, timeLeft } from './step-time.ts';
import type { RowTask, Unit } from './task.ts';

const STEP_TIMEOUT = 'RIVER_STEP_TIMEOUT';

export interface AttemptContext extends SenderContext {
  outages: Outages;
  random: () => number;
  /** Epoch milliseconds. */
  wallClock: () => number;
  /** Lets other rows go on while this one waits; resolves when it may go on itself. Throws StoppedError. */
  wait: (ms: number | Promise<unknown>) => Promise<void>;
  /** A dry run: sees each request instead of a server. */
  rehearsal: Rehearsal | null;
}

/** The final word on a request. `reply` is null when there was no answer. */
export interface Answer {
  then: 'deliver' | 'skip' | 'reject' | 'fail' | 'unknown' | 'stop' | 'split';
  code: string;
  message: string;
  reply: Reply | null;
}

export async function attempt(unit: Unit, context: AttemptContext): Promise<Answer> {
  const outage = context.outages.of(unit.request.host);
  let renewed = false;
  context.rehearsal?.note(unit);
  for (;;) {
    if (timeLeft(unit) <= 0) return outOfTime(unit);
    const sent = sendMarked(unit, context);
    const exchange = isOpen(unit) ? await outage.again(sent) : await sent;
    // Cut off by a cancel or a shutdown: it stays `sending`, in doubt, for whoever ends the loop or goes on with it.
    if (exchange.kind === 'lost' && exchange.reason === 'aborted') throw new StoppedError();
    if (exchange.kind === 'not_sent' && exchange.reason === 'aborted') throw stopped(unit, context);
    const verdict = unit.request.judge(exchange, attemptsOf(unit) + 1);
    if (verdict.then !== 'wait' && exchange.kind !== 'not_sent') for (const row of unit.rows) row.progress.attempts++;
    if (changes(unit.prepared) && mayBeApplied(exchange)) for (const row of unit.rows) row.progress.maybe = true;
    if (exchange.kind !== 'not_sent') spend(unit, exchange.ms);
    noteHealth(exchange, verdict, { unit, outage });
    if (verdict.then === 'wait') {
      await waitForAll(exchange, verdict, unit, context);
      continue;
    }
    if (verdict.renew && !renewed) {
      renewed = true;
      // A new token may be long in coming, or not come at all.
      releaseAll(unit, context);
      if (await unit.request.destination.renewAuth()) continue;
    }
    const halved = halvedBy(verdict, unit);
    if (halved) return halved;
    if (verdict.then === 'unknown') return givenUp('unknown', verdict, unit);
    if (verdict.then !== 'retry') return answer(verdict.then, verdict);
    if (outage.away) throw stopped(unit, context);
    const pause = pauseAfter(exchange, verdict, unit, context);
    if (pause === null || outage.asksOnce) await untilAtFault(outage, unit, context);
    if (pause === null) return givenUp('fail', verdict, unit);
    await holdBack(unit.rows, pause, context);
  }
}

/** Whether a row failed before, and it was not found out whose fault it was: in an earlier segment perhaps. */
function isOpen({ rows }: Unit): boolean {
  for (const { progress } of rows) if (progress.attempts > progress.charged) return true;
  return false;
}

function changes({ method }: PreparedRequest): boolean {
  return method !== 'GET' && method !== 'HEAD';
}

function sendMarked(unit: Unit, context: AttemptContext): Promise<Exchange> {
  const { prepared, markAhead } = unit;
  const { destination } = unit.request;
  const mark = () => markAll(unit, context);
  return sendOne({ request: prepared, destination, mark, markAhead, withinMs: timeLeft(unit) }, context).catch(
    (error) => {
      releaseAll(unit, context);
      throw error;
    },
  );
}

function markAll(unit: Unit, context: AttemptContext): Promise<void> {
  for (const task of unit.rows) {
    task.progress.risky = !unit.request.plan.idempotent;
    const progress = unit.keepsProgress ? progressOf(task) : null;
    if (progress) context.ledger.progress(progress);
    // From here on nobody knows what is there, whatever becomes of the row.
    if (task.hashes && task.wasDelivered) context.ledger.forget(unsure(task.hashes));
    task.wasDelivered = false;
  }
  return context.ledger.mark(unit.rows, unit.markAhead);
}

/** Back to pending, with what must be known to go on: nothing of these rows is in doubt. */
export function releaseAll(unit: Pick<Unit, 'rows'>, context: Pick<AttemptContext, 'ledger'>): void {
  for (const task of unit.rows) context.ledger.release(task.chunk, task.row, progressOf(task));
}

/** null: nothing is known that a new attempt would not find by itself. */
export function progressOf({ row, progress }: RowTask): RowProgress | null {
  const { cursor, ...rest } = progress;
  if (cursor === 0 && rest.attempts === 0 && !rest.risky && !rest.maybe && !rest.asked) return null;
  return { row, cursor, outputs: encode(rest as unknown as Value) };
}

interface Health {
  unit: Unit;
  outage: OutageDetector;
}

function noteHealth(exchange: Exchange, verdict: Verdict, { unit, outage }: Health): void {
  if (exchange.kind === 'reply') {
    unit.request.destination.limiter.observe(exchange.headers);
    if (exchange.status < 500) {
      outage.answered();
      return;
    }
  }
  const refused = exchange.kind === 'not_sent';
  // It goes into Temporal's history, and may quote the server.
  const message = unit.request.destination.redact(verdict.message);
  outage.failed(unit.rows, { refused, final: verdict.then === 'unknown', message });
}

/** The whole connection pauses; it costs no attempt. */
async function waitForAll(exchange: Exchange, verdict: Verdict, unit: Unit, context: AttemptContext): Promise<void> {
  releaseAll(unit, context);
  const headers = exchange.kind === 'reply' ? exchange.headers : {};
  await unit.request.destination.limiter.pause(verdict.forMs ?? pauseMs(headers, context.wallClock()));
}

/** Holds the rows until it is known who is at fault; goes on if it is they. */
async function untilAtFault(outage: OutageDetector, unit: Unit, context: AttemptContext): Promise<void> {
  releaseAll(unit, context);
  const culprit = outage.culprit();
  const stoppedFirst = await context.wait(culprit).then(
    () => false,
    () => true,
  );
  if (!stoppedFirst && (await culprit) === 'row') return;
  // Nobody knows whose fault it was: the next segment asks it again, and does not end before that is known.
  for (const { progress } of unit.rows) progress.spent = {};
  throw stopped(unit, context);
}

function stopped(unit: Unit, context: AttemptContext): StoppedError {
  releaseAll(unit, context);
  return new StoppedError();
}

/** Before the next try; null: there is none, as its tries are used up, or its time is over by then. */
function pauseAfter(exchange: Exchange, verdict: Verdict, unit: Unit, context: AttemptContext): number | null {
  const { attempts, initialMs, maxMs } = unit.request.retry;
  if (attemptsOf(unit) >= attempts) return null;
  const jittered = backoffMs(attemptsOf(unit), { initialMs, maxMs }, context.random);
  const pause = Math.max(verdict.forMs ?? 0, retryAfter(exchange, context), jittered);
  spend(unit, pause);
  return timeLeft(unit) > 0 ? pause : null;
}

/** Of rows taken up again: the rest of a wait that an earlier segment, or a process that died, was in. */
export async function waitOn(rows: readonly RowTask[], context: AttemptContext): Promise<void> {
  let ms = 0;
  for (const { progress } of rows) {
    const { wait } = progress;
    if (wait) ms = Math.max(ms, Math.min(wait.until - context.wallClock(), wait.ms));
    progress.wait = null;
  }
  if (ms > 0) await holdBack(rows, ms, context);
}

/** Kept with the rows: the wait may be longer than the segment. */
async function holdBack(rows: readonly RowTask[], ms: number, context: AttemptContext): Promise<void> {
  const wait = { until: context.wallClock() + ms, ms };
  for (const { progress } of rows) progress.wait = wait;
  releaseAll({ rows }, context);
  try {
    await context.wait(ms);
  } catch (error) {
    // An outage has given the row its tries back meanwhile.
    if (error instanceof StoppedError) releaseAll({ rows }, context);
    throw error;
  }
  for (const { progress } of rows) progress.wait = null;
}

function retryAfter(exchange: Exchange, { wallClock }: AttemptContext): number {
  return exchange.kind === 'reply' ? (retryAfterMs(exchange.headers, wallClock()) ?? 0) : 0;
}

function answer(then: Answer['then'], { code, message, reply }: Verdict): Answer {
  return { then, code, message, reply };
}

/** null: the batch stays whole. Like a rule, a `split_when` that cannot be evaluated says nothing, and stops the loop. */
function halvedBy(verdict: Verdict, { rows, request }: Unit): Answer | null {
  if (rows.length === 1 || !verdict.reply) return null;
  try {
    return request.splits(verdict.reply.scope) ? answer('split', verdict) : null;
  } catch (error) {
    const { code, message } = toReport(error);
    return answer('stop', { ...verdict, code, message });
  }
}

function givenUp(then: 'fail' | 'unknown', verdict: Verdict, unit: Unit): Answer {
  const late = lateness(unit);
  return answer(then, late ? { ...verdict, code: STEP_TIMEOUT, message: `${late}: ${verdict.message}` } : verdict);
}

/** Nothing is sent any more: what came before it in the step has taken all the time. */
function outOfTime(unit: Unit): Answer {
  return { then: 'fail', code: STEP_TIMEOUT, message: `${lateness(unit)}.`, reply: null };
}

/** Of the row with the fewest: one that was tried before must not use up the tries of those that ride with it. */
function attemptsOf({ rows }: Unit): number {
  let fewest = Number.POSITIVE_INFINITY;
  for (const { progress } of rows) fewest = Math.min(fewest, progress.attempts);
  return fewest;
}
