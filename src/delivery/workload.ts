/** What a loop's body makes of its rows: each walked by itself, or many in one request. */
import type { SendInput } from '../contracts/activities.ts';
import type { ActionStep, StepPlan } from '../contracts/plan.ts';
import type { ErrorReport } from '../core/errors.ts';
import { stopHint } from '../core/hints.ts';
import { BAD_OUTCOMES } from '../core/outcomes.ts';
import { reaches } from '../core/tolerance.ts';
import type { Value } from '../core/values.ts';
import { actionScope, type CompiledAction, type CompiledBatch, type Render } from './action.ts';
import { type AttemptContext, waitOn } from './attempts.ts';
import { sendBatch } from './batch-send.ts';
import { type Batch, type BatchItem, BatchSource } from './batch-source.ts';
import type { LoopView } from './loop-view.ts';
import type { Source } from './pump.ts';
import { RowSource } from './row-source.ts';
import { type RowEnd, walkRow } from './row-walk.ts';
import type { Segment } from './segment-state.ts';
import { settlementOf } from './settlement.ts';
import { timedBy } from './step-time.ts';
import type { RowTask } from './task.ts';

export interface Workload<T> {
  source: Source<T>;
  /** Tasks under way at once. */
  limit: number;
  /** Rejects with StoppedError when the segment ended first. */
  work: (task: T) => Promise<void>;
}

export function workloadOf(segment: Segment, attempts: AttemptContext): Workload<unknown> {
  const maxInFlight = segment.input.step?.maxInFlight ?? 1;
  const markAhead = maxInFlight > 1 && segment.body.unlimited && segment.body.idempotent;
  // Where marks may run ahead, as many tasks again are made ready while the others are under way.
  const limit = markAhead ? 2 * maxInFlight : maxInFlight;
  const batch = batchStep(segment);
  const workload = batch
    ? batchWork({ segment, attempts, markAhead }, batch)
    : rowWork({ segment, attempts, markAhead });
  return { ...(workload as Omit<Workload<unknown>, 'limit'>), limit };
}

interface WorkContext {
  segment: Segment;
  attempts: AttemptContext;
  markAhead: boolean;
}

function rowWork({ segment, attempts, markAhead }: WorkContext): Omit<Workload<RowTask>, 'limit'> {
  const { body } = segment;
  return {
    source: rowSource(segment),
    async work(task) {
      if (task.progress.wait) await waitOn([task], attempts);
      settle(task, await walkRow(task, rowScope(task, segment), { body, attempts, markAhead }), segment);
    },
  };
}

interface BatchStep {
  action: CompiledAction;
  batch: CompiledBatch;
  inputs: [name: string, render: Render][];
}

/** A batch action is the only step of its loop's body; validation sees to it. */
function batchStep({ body }: Segment): BatchStep | null {
  const known = body.actions.get(body.steps[0] as ActionStep);
  return known?.action.batch ? { ...known, batch: known.action.batch } : null;
}

function batchWork({ segment, attempts, markAhead }: WorkContext, step: BatchStep): Omit<Workload<Batch>, 'limit'> {
  const { action, batch } = step;
  const common = actionScope(action, {}, segment.scope);
  const timed = timedBy(segment.body.steps[0] as StepPlan);
  const settleItem = ({ task }: BatchItem, end: RowEnd) => settle(task, end, segment);
  const source = new BatchSource({
    rows: rowSource(segment),
    most: { rows: batch.rows, bytes: batch.bytes - batch.build.emptyBytes(common) },
    prepare: compileItem(step, segment),
    refuse: (task, { code, message }) =>
      settle(task, { outcome: 'rejected', code, message, answer: null, outputs: {}, stop: null }, segment),
  });
  return {
    source,
    async work({ items, done }) {
      try {
        await waitOn(
          items.map(({ task }) => task),
          attempts,
        );
        await sendBatch(items, { action, attempts, markAhead, timed, scope: common, settle: settleItem });
      } finally {
        done();
      }
    },
  };
}

/** One pair of scopes serves all rows, as nothing of them is kept: two objects a row would cost more than filling them. */
function compileItem({ action, batch, inputs }: BatchStep, segment: Segment): (task: RowTask) => BatchItem {
  const outer: Record<string, Value> = Object.create(segment.scope);
  const scope = actionScope(action, {}, segment.scope);
  return (task) => {
    fillRow(outer, task, segment.view);
    for (const [name, render] of inputs) scope[name] = render(outer);
    scope.row = outer.row as Value;
    const text = batch.build.item(scope);
    return { task, id: batch.id?.(scope) || null, text, bytes: Buffer.byteLength(text) };
  };
}

/** Strictly one after the other. */
export function keepsOrder({ step }: Pick<SendInput, 'step'>): boolean {
  return (step?.maxInFlight ?? 1) === 1;
}

function rowSource({ input, deps, view, ledger, body }: Segment): RowSource {
  return new RowSource({
    store: deps.store,
    ledger,
    loop: input.loop,
    rowset: view.rowset,
    fromChunk: input.fromChunk,
    layout: view.layout,
    // Of several requests one that must not be repeated is noted with its mark: what is not noted is another one.
    repeatable: body.idempotent || body.requests > 1,
    askedLast: input.probe && !keepsOrder(input),
    unchangedScope: input.run.full ? null : view.deliveredScope,
  });
}

function settle(task: RowTask, end: RowEnd, segment: Segment): void {
  const { input, ledger, ending, deps } = segment;
  const redact = (text: string) => [...deps.destinations.values()].reduce((kept, one) => one.redact(kept), text);
  const keepOutputs = input.step === null || input.step.results !== null;
  ledger.settle(task.chunk, task.row, settlementOf(task, end, { redact, keepOutputs }));
  if (end.stop === 'river') ending.end({ kind: 'stop', stop: { reason: 'river', error: null } });
  if (end.stop === 'rule')
    ending.end({ kind: 'stop', stop: { reason: 'rule', error: stopError(end.code, redact(end.message)) } });
  if ((BAD_OUTCOMES as readonly string[]).includes(end.outcome)) countBad(segment);
}

function countBad(segment: Segment): void {
  segment.bad++;
  const limit = segment.input.step?.stopAfter;
  if (!limit || !reaches(segment.bad, segment.view.rowset.rows, limit)) return;
  const error = stopError('ROW_STOP_AFTER', `Stopped after ${segment.bad} bad rows, as stop_after says.`);
  segment.ending.end({ kind: 'stop', stop: { reason: 'stop_after', error } });
}

function stopError(code: string, message: string): ErrorReport {
  return { code, message, hint: stopHint(code) };
}

function rowScope(task: RowTask, { view, scope: common }: Segment): Record<string, Value> {
  const scope: Record<string, Value> = Object.create(common);
  fillRow(scope, task, view);
  return scope;
}

function fillRow(scope: Record<string, Value>, { row, values }: RowTask, { iterators, columns }: LoopView): void {
  for (let index = 0; index < iterators.length; index++) {
    scope[iterators[index] as string] = values[columns[index] as number] ?? null;
  }
  scope.row = { number: row + 1 };
}
