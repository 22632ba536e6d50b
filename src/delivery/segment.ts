/** One stretch of a loop's work: takes rows and sends them until they are at their end or something says stop. */
import type { SendInput, SendResult } from '../contracts/activities.ts';
import { UpriverError } from '../core/errors.ts';
import { badRows } from '../core/outcomes.ts';
import type { StateStore } from '../core/store.ts';
import { Slots } from '../http/slots.ts';
import type { AttemptContext } from './attempts.ts';
import { compileBody } from './body.ts';
import { Ending, type Reason } from './ending.ts';
import { settleInDoubt } from './finish.ts';
import { LEASE_MS, Ledger } from './ledger.ts';
import { openLoop } from './loop-view.ts';
import { Outages } from './outages.ts';
import { Pump } from './pump.ts';
import { Rehearsal } from './rehearsal.ts';
import { scopeOf } from './row-reader.ts';
import { readSingle } from './single-row.ts';
import type { Segment, SegmentDeps } from './segment-state.ts';
import { Turn } from './turn.ts';
import { StoppedError } from './sender.ts';
import { keepsOrder, type Workload, workloadOf } from './workload.ts';

export async function runSegment(input: SendInput, deps: SegmentDeps): Promise<SendResult> {
  try {
    return await runOpen(input, deps);
  } catch (error) {
    const stop = isEnded(error) ? await whatStopped(input, deps.store) : null;
    if (!stop) throw error;
    // An attempt before this one found it, and died before it could tell.
    await settleInDoubt(input.loop, deps.store, deps.sleep);
    return report({ input, deps, rehearsal: null }, { kind: 'stop', stop });
  }
}

function isEnded(error: unknown): boolean {
  return error instanceof UpriverError && error.code === 'STATE_LOOP_ENDED';
}

async function whatStopped({ loop }: SendInput, store: StateStore): Promise<SendResult['stop']> {
  const record = await store.getLoop(loop);
  return JSON.parse(record?.closed ?? 'null') as SendResult['stop'];
}

async function runOpen(input: SendInput, deps: SegmentDeps): Promise<SendResult> {
  const segment = await openSegment(input, deps);
  await sendRows(segment);
  const { reason } = segment.ending;
  if (reason?.kind === 'error') {
    // What is known of its rows by then holds all the same, and nobody else knows it.
    await segment.ledger.flush().catch(() => {});
    throw reason.error;
  }
  if (reason?.kind === 'stop') await segment.ledger.stop(JSON.stringify(reason.stop));
  else await segment.ledger.flush();
  if (reason?.kind === 'stop' && !segment.rehearsal) await settleInDoubt(input.loop, deps.store, deps.sleep);
  return report(segment, reason);
}

async function openSegment(input: SendInput, deps: SegmentDeps): Promise<Segment> {
  const view = await openLoop(input, deps.store);
  const rehearsal = input.run.dryRun ? new Rehearsal(input.loop.path) : null;
  const store = rehearsal?.standInStore(deps.store, view.rowset.rows) ?? deps.store;
  const { epoch } = await store.claimLoop(input.loop);
  const { rows, inDoubt } = await store.countLoop(input.loop);
  // Whoever held the loop before may still write requests for as long as its lease runs.
  if (inDoubt > 0) await deps.sleep(LEASE_MS);
  const scope = await scopeOf(input, deps.rows);
  // The timeout of an action outside of a loop is a timer in the workflow.
  const steps = input.step ? input.body : input.body.map((step) => ({ ...step, timeoutMs: null }));
  const body = compileBody(steps, {
    actions: input.actions,
    destinations: rehearsal?.standIns(deps.destinations) ?? deps.destinations,
    names: [...Object.keys(scope), ...view.iterators, 'row'],
  });
  const deliveredScope = rehearsal ? null : view.deliveredScope;
  const ledger = new Ledger({ ...deps, store, loop: input.loop, epoch, deliveredScope, signal: deps.abort });
  return {
    input,
    deps: { ...deps, store },
    view,
    body,
    ledger,
    ending: new Ending(deps.stop),
    scope,
    bad: badRows(rows),
    rehearsal,
  };
}

async function sendRows(segment: Segment): Promise<void> {
  const { input, deps, ledger, ending } = segment;
  const maxInFlight = input.step?.maxInFlight ?? 1;
  let alive = !input.probe;
  const outages = new Outages({
    probing: input.probe,
    inOrder: keepsOrder(input),
    onAnswer: () => {
      alive = true;
    },
    onOutage: (message) => ending.end({ kind: 'park', park: { reason: 'outage', ms: 0, message } }),
  });
  const attempts: AttemptContext = {
    ledger,
    outages,
    slots: new Slots(maxInFlight),
    turn: new Turn(),
    taker: `${input.loop.runId}/${input.loop.path}`,
    stop: ending.signal,
    abort: deps.abort,
    random: deps.random,
    wallClock: deps.wallClock,
    wait: (until) => pump.wait(until),
    rehearsal: segment.rehearsal,
  };
  const workload: Workload<unknown> = workloadOf(segment, attempts);
  // Not at the first answer: the hosts that a row comes to later may be away still.
  const onRow = () => {
    if (alive) pump.limit = workload.limit;
  };
  const onFailure = (error: unknown) => endFor(error, ending);
  const pump: Pump<unknown> = new Pump({
    source: workload.source,
    limit: input.probe ? 1 : workload.limit,
    stop: ending.signal,
    onStuck: () => outages.stuck(),
    work: (task) => workload.work(task).then(onRow, onFailure),
    onError: onFailure,
  });
  // Not amid finding out whether the destination is away: that would begin anew each time.
  const timer = setTimeout(() => outages.whenClear(() => ending.end({ kind: 'time' })), input.segmentMs);
  try {
    await pump.run();
  } finally {
    clearTimeout(timer);
  }
}

function endFor(error: unknown, ending: Ending): void {
  if (!(error instanceof StoppedError)) ending.end(reasonOf(error));
}

/** A limit that is far off parks the loop; everything else that is not about a row ends the segment. */
function reasonOf(error: unknown): Reason {
  if (!(error instanceof UpriverError && error.code === 'REMOTE_LIMIT_PARK')) return { kind: 'error', error };
  return { kind: 'park', park: { reason: 'limit', ms: error.retryAfterMs ?? 60_000, message: error.message } };
}

async function report(
  { input, deps, rehearsal }: Pick<Segment, 'input' | 'deps' | 'rehearsal'>,
  reason: Reason | null,
): Promise<SendResult> {
  const { store } = deps;
  const { rows, requests } = await store.countLoop(input.loop);
  const nextChunk = await store.nextOpenChunk(input.loop, input.fromChunk);
  return {
    rows,
    requests,
    nextChunk,
    stop: reason?.kind === 'stop' ? reason.stop : null,
    // The last row may have been what told: nothing is left that could wait.
    park: reason?.kind === 'park' && nextChunk !== null ? reason.park : null,
    single: input.step === null ? await readSingle(input, store) : null,
    dryRun: rehearsal?.counts() ?? null,
  };
}
