/** The loop container: sends its rows in segments, carries on as new when its history grows, and knows counts, never rows. */
import {
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  workflowInfo,
} from '@temporalio/workflow';
import type { FinishRowsResult, RowsetRef, SendResult } from '../src/contracts/activities.ts';
import type { LoopInput, LoopResult, SendCarry } from '../src/contracts/loop.ts';
import type { ErrorReport } from '../src/core/errors.ts';
import { badRows } from '../src/core/outcomes.ts';
import { exceeds } from '../src/core/tolerance.ts';
import { call } from './activities.ts';
import { withDeadline } from './deadline.ts';
import { countsTable } from './details.ts';
import { reportOf, stepFailure, tooLate } from './failures.ts';
import { sendAll } from './send-rows.ts';

/** Fails for a failed loop, with the result as the failure's second detail; is cancelled for a cancelled one. */
export async function runLoop(input: LoopInput): Promise<LoopResult> {
  const carry = input.carry ?? { fromChunk: 0, outageSince: null, startedAt: Date.now() };
  const result = await sendToEnd(input, carry);
  if (input.step.results && !input.run.dryRun) result.results = await writeResults(input);
  if (result.error) throw stepFailure({ step: input.step.id, ...result.error }, result);
  return result;
}

async function sendToEnd(input: LoopInput, carry: SendCarry): Promise<LoopResult> {
  try {
    const sent = await withDeadline(timeLeft(input, carry), () => tooLate(input.step), () => sendLoop(input, carry));
    return resultOf(input, sent);
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    const counts = await CancellationScope.nonCancellable(() => finish(input));
    setCurrentDetails(countsTable(counts.rows, 'The loop did not run to its end.'));
    if (isCancellation(error)) throw error;
    return { status: 'failed', ...counts, error: reportOf(error), stopsRiver: false, dryRun: null, results: null };
  }
}

async function sendLoop(input: LoopInput, carry: SendCarry): Promise<SendResult> {
  const { run, step, path, rowset, scope, actions, connections } = input;
  const loop = { runId: run.runId, path };
  if (step.key.length > 0 && input.carry === null) {
    await call({ id: `${path}/keys`, summary: `check keys of ${rowset.rows} rows` }).checkKeys({ run, loop, step, rowset });
  }
  const plan = { run, loop, step, body: step.steps, rowset, scope, actions, connections };
  return sendAll(plan, carry, {
    outageLimitMs: step.timeoutMs,
    onSegment: ({ rows }, note) => setCurrentDetails(countsTable(rows, note)),
    carryOn: async (next) => {
      if (workflowInfo().continueAsNewSuggested) await continueAsNew<typeof runLoop>({ ...input, carry: next });
    },
  });
}

function writeResults({ run, step, path, rowset, actions, resultsConnection }: LoopInput): Promise<RowsetRef | null> {
  return call({ id: `${path}/results`, summary: 'write the results' }).writeResults({
    run,
    loop: { runId: run.runId, path },
    step,
    rowset,
    resultsRowset: `${run.runId}/${path}/results`,
    connection: resultsConnection,
    outputs: [...new Set(Object.values(actions).flatMap((action) => action.outputs))],
  });
}

function finish({ run, path }: LoopInput): Promise<FinishRowsResult> {
  return call({ id: `${path}/finish`, summary: 'settle rows in doubt' }).finishRows({ run, loop: { runId: run.runId, path } });
}

function resultOf({ step }: LoopInput, sent: SendResult): LoopResult {
  const { rows, requests, stop, dryRun } = sent;
  const bad = badRows(rows);
  const error = stop?.error ?? (exceeds(bad, rows.read, step.tolerate) ? tooManyBad(bad, rows.read) : null);
  const status = error ? 'failed' : bad > 0 ? 'partial' : 'succeeded';
  return { status, rows, requests, error, stopsRiver: stop?.reason === 'river', dryRun, results: null };
}

function tooManyBad(bad: number, read: number): ErrorReport {
  return {
    code: 'ROW_TOLERANCE',
    message: `${bad} of ${read} rows were rejected, failed or unknown: more than \`tolerate\` allows.`,
    hint: 'See them with `upriver rows RUN --outcome rejected,failed,unknown`.',
  };
}

function timeLeft({ step }: LoopInput, { startedAt }: SendCarry): number | null {
  return step.timeoutMs === null ? null : Math.max(step.timeoutMs - (Date.now() - startedAt), 1);
}
