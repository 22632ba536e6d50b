/** Runs a loop step as a child workflow. Whatever ends it, its counts are told. */
import { ApplicationFailure, CancellationScope, ChildWorkflowFailure, executeChild } from '@temporalio/workflow';
import type { RetryRows, RowsetRef } from '../src/contracts/activities.ts';
import type { LoopInput, LoopResult } from '../src/contracts/loop.ts';
import type { LoopStep } from '../src/contracts/plan.ts';
import { noRows } from '../src/core/outcomes.ts';
import { actionsFor, planOf } from '../src/core/plan-slice.ts';
import { scopeFor } from '../src/core/scope.ts';
import { summaryOf } from '../src/core/summary.ts';
import { asRows } from '../src/core/tolerance.ts';
import { call } from './activities.ts';
import { type LeafContext, type LeafResult, type Place, pathOf } from './place.ts';

export async function runLoopStep(step: LoopStep, context: LeafContext): Promise<LeafResult> {
  const { place } = context;
  const rowset = await rowsFor(step, place);
  if (!rowset) return { rows: noRows(), requests: 0 };
  const input: LoopInput = {
    run: place.run,
    step: 'of' in rowset ? ofFirstRun(step, rowset.of) : step,
    path: pathOf(step, place),
    rowset,
    scope: scopeFor(step.steps, place.values),
    rows: place.rows,
    plan: planOf(place.plan, [step]),
    searchAttributes: place.searchAttributes,
    carry: null,
  };
  const { status, rows, requests, stopsRiver } = await runChild(input, context);
  return { status, rows, requests, flow: stopsRiver ? 'stop' : 'go_on' };
}

/** The variable's rows, or those of an earlier run; null: there are none. */
function rowsFor(step: LoopStep, { run, plan, values, retryOf }: Place): Promise<RetryRows | null> | RowsetRef | null {
  if (!retryOf) return values[step.over] as unknown as RowsetRef | null;
  const { actions } = actionsFor(step.steps, plan);
  const requests = Object.values(actions).flatMap((action) => action.requests);
  const idempotent = step.mode === 'stream' && requests.every((request) => request.idempotent);
  return call({ id: `${step.id}/rows`, summary: `rows of ${retryOf.runId} to send again` }).retryRows({
    run,
    loop: { runId: run.runId, path: step.id },
    step,
    of: retryOf.runId,
    includeUnknown: idempotent || retryOf.includeUnknown,
  });
}

/** Of a retry's few rows two per cent would be none: percentages stay those of the rows that the loop had at first. */
function ofFirstRun(step: LoopStep, rows: number): LoopStep {
  const stopAfter = step.stopAfter && asRows(step.stopAfter, rows, 'as');
  return { ...step, tolerate: asRows(step.tolerate, rows, 'more'), stopAfter };
}

async function runChild(input: LoopInput, context: LeafContext): Promise<LoopResult> {
  const { step, path, run } = input;
  try {
    const result = await executeChild<(loop: LoopInput) => Promise<LoopResult>>(`${run.river}.${step.id}`, {
      args: [input],
      workflowId: `${run.runId}/${path}`,
      workflowTaskTimeout: '5s',
      staticSummary: summaryOf(step.name ?? `${step.id}: loop over ${input.rowset.rows} rows of ${step.over}`),
    });
    noteLoop(step, result, context);
    return result;
  } catch (error) {
    const result = loopResultOf(error);
    if (result) noteLoop(step, result, context);
    else context.note(await countRows(input));
    throw error;
  }
}

function countRows({ run, path, rowset }: LoopInput): Promise<LeafResult> {
  const loop = { runId: run.runId, path };
  return CancellationScope.nonCancellable(() =>
    call({ id: `${path}/finish`, summary: 'count the rows' }).finishRows({ run, loop, rows: rowset.rows }),
  );
}

function noteLoop(
  step: LoopStep,
  { rows, requests, dryRun, results }: LoopResult,
  { place, note, noteDryRun }: LeafContext,
): void {
  note({ rows, requests });
  if (step.results?.kind === 'variable' && results) place.values[step.results.variable] = { ...results };
  if (dryRun) noteDryRun(dryRun);
}

/** A failed loop's result rides on its failure. */
function loopResultOf(error: unknown): LoopResult | null {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : null;
  return cause instanceof ApplicationFailure ? ((cause.details?.[1] as LoopResult | undefined) ?? null) : null;
}
