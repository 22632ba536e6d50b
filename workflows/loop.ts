/** The loop container: sends its rows in segments, carries on as new when its history grows, and knows counts, never rows. */
import {
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
} from '@temporalio/workflow';
import type { FinishRowsResult, RowsetRef } from '../src/contracts/activities.ts';
import type { LoopCarry, LoopInput, LoopResult } from '../src/contracts/loop.ts';
import type { ErrorReport } from '../src/core/errors.ts';
import { badRows } from '../src/core/outcomes.ts';
import { actionsFor } from '../src/core/plan-slice.ts';
import { exceeds } from '../src/core/tolerance.ts';
import { call } from './activities.ts';
import { withDeadline } from './deadline.ts';
import { countsTable } from './details.ts';
import { reportOf, stepFailure, tooLate } from './failures.ts';
import { isHistoryLong, throwIfCancelled } from './history.ts';
import { type Ended, walkRows } from './row-loop.ts';
import { sendAll } from './send-rows.ts';

/** Fails for a failed loop, with the result as the failure's second detail; is cancelled for a cancelled one. */
export async function runLoop(input: LoopInput): Promise<LoopResult> {
  const carry = input.carry ?? freshCarry();
  const result = await sendToEnd(input, carry);
  if (input.step.results && !input.run.dryRun) result.results = await writeResults(input);
  if (result.error) throw stepFailure({ step: input.step.id, ...result.error }, result);
  return result;
}

async function sendToEnd(input: LoopInput, carry: LoopCarry): Promise<LoopResult> {
  try {
    const sent = await withDeadline(
      timeLeft(input, carry),
      () => tooLate(input.step),
      () => sendLoop(input, carry),
    );
    return resultOf(input, sent, carry.partial);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const counts = await CancellationScope.nonCancellable(() => finish(input));
    setCurrentDetails(countsTable(counts.rows, 'The loop did not run to its end.'));
    if (isCancellation(error)) throw error;
    return {
      status: 'failed',
      ...counts,
      error: reportOf(error, input.step.id),
      stopsRiver: false,
      dryRun: null,
      results: null,
    };
  }
}

function freshCarry(): LoopCarry {
  const rowByRow = { fromRow: 0, settlements: 0, partial: false, dryRun: null };
  return { fromChunk: 0, outageSince: null, outageMessage: '', startedAt: Date.now(), ...rowByRow };
}

async function sendLoop(input: LoopInput, carry: LoopCarry): Promise<Ended> {
  const { run, step, path, rowset, scope, rows } = input;
  const loop = { runId: run.runId, path };
  if (step.key.length > 0 && input.carry === null) {
    await call({ id: `${path}/keys`, summary: `check keys of ${rowset.rows} rows` }).checkKeys({
      run,
      loop,
      step,
      rowset,
    });
  }
  const carryOn = () => {
    throwIfCancelled();
    return continueAsNew<typeof runLoop>({ ...input, carry });
  };
  if (step.mode === 'steps') return walkRows(input, carry, carryOn);
  const plan = { run, loop, step, body: step.steps, rowset, scope, rows, ...actionsFor(step.steps, input.plan) };
  return sendAll(plan, carry, {
    outageLimitMs: step.timeoutMs,
    onSegment: (sent, note) => setCurrentDetails(countsTable(sent.rows, note)),
    carryOn: async () => {
      if (isHistoryLong()) await carryOn();
    },
  });
}

function writeResults({ run, step, path, rowset, plan }: LoopInput): Promise<RowsetRef | null> {
  const { actions } = actionsFor(step.steps, plan);
  return call({ id: `${path}/results`, summary: 'write the results' }).writeResults({
    run,
    loop: { runId: run.runId, path },
    step,
    rowset,
    resultsRowset: `${run.runId}/${path}/results`,
    connection: step.results?.kind === 'table' ? (plan.connections[step.results.connection] ?? null) : null,
    outputs: [...new Set(Object.values(actions).flatMap((action) => action.outputs))],
  });
}

function finish({ run, path, rowset }: LoopInput): Promise<FinishRowsResult> {
  return call({ id: `${path}/finish`, summary: 'settle rows in doubt' }).finishRows({
    run,
    loop: { runId: run.runId, path },
    rows: rowset.rows,
  });
}

function resultOf({ step }: LoopInput, sent: Ended, partial: boolean): LoopResult {
  const { rows, requests, stop, dryRun } = sent;
  const bad = badRows(rows);
  const error = stop?.error ?? (exceeds(bad, rows.read, step.tolerate) ? tooManyBad(bad, rows.read) : null);
  const status = error ? 'failed' : bad > 0 || partial ? 'partial' : 'succeeded';
  return { status, rows, requests, error, stopsRiver: stop?.reason === 'river', dryRun, results: null };
}

function tooManyBad(bad: number, read: number): ErrorReport {
  return {
    code: 'ROW_TOLERANCE',
    message: `${bad} of ${read} rows were rejected, failed or unknown: more than \`tolerate\` allows.`,
    hint: 'See them with `upriver rows RUN --outcome rejected,failed,unknown`.',
  };
}

function timeLeft({ step }: LoopInput, { startedAt }: LoopCarry): number | null {
  return step.timeoutMs === null ? null : Math.max(step.timeoutMs - (Date.now() - startedAt), 1);
}
