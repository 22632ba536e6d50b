/** Does single steps as Temporal work, each an activity or a child workflow: one way for a river and for a row of a loop. */
import { executeChild, ParentClosePolicy, startChild } from '@temporalio/workflow';
import type { SendResult } from '../src/contracts/activities.ts';
import type { ActionStep, RiverPlan, RiverStep, ScriptStep, SqlStep } from '../src/contracts/plan.ts';
import type { RunInput, RunResult } from '../src/contracts/run.ts';
import { actionHint } from '../src/core/hints.ts';
import { calledInput } from '../src/core/inputs.ts';
import type { Outcome } from '../src/core/outcomes.ts';
import { actionsFor, planFrom } from '../src/core/plan-slice.ts';
import { builtIns } from '../src/core/scope.ts';
import { summaryOf } from '../src/core/summary.ts';
import { compileValue } from '../src/core/templates.ts';
import { revive, type Value } from '../src/core/values.ts';
import type { LeafStep } from '../src/core/walker.ts';
import { call } from './activities.ts';
import { stepFailure } from './failures.ts';
import { runLoopStep } from './loop-step.ts';
import { type LeafContext, type LeafResult, type Place, pathOf, readsRow, scopeOf } from './place.ts';
import { rowFailure } from './row-end.ts';
import { sendAll } from './send-rows.ts';
import { outageOf } from './shared-outage.ts';

/** Nobody knows whether a script may run twice, unless its author says so. */
const ONCE = { attempts: 1, initialMs: 1_000, maxMs: 60_000 };

export function runLeaf(step: LeafStep, context: LeafContext): Promise<LeafResult> {
  switch (step.type) {
    case 'sql':
      return runSql(step, context);
    case 'action':
      return runAction(step, context);
    case 'loop':
      return runLoopStep(step, context);
    case 'river':
      return callRiver(step, context);
    case 'script':
      return runScript(step, context);
  }
}

async function runSql(step: SqlStep, { place }: LeafContext): Promise<LeafResult> {
  const connection = place.plan.connections[step.connection];
  if (!connection) throw new Error(`connection ${step.connection} is not in the plan`);
  const path = pathOf(step, place);
  const summary =
    step.target?.kind === 'table' ? `${step.target.mode} ${step.target.table}` : `sql on ${step.connection}`;
  const result = await call({ id: path, summary: step.name ?? `${step.id}: ${summary}` }).runSql({
    ...scopeOf(step, place),
    step,
    path,
    connection,
    rowset: `${place.run.runId}/${path}`,
  });
  if (step.target?.kind === 'variable') place.values[step.target.variable] = revive(result.value);
  return { attempts: result.attempts };
}

/** An action is a loop over one row, so that the same marks keep it honest through a crash. */
async function runAction(step: ActionStep, { place, note, noteDryRun, show }: LeafContext): Promise<LeafResult> {
  const path = pathOf(step, place);
  const loop = { runId: place.run.runId, path };
  const slice = actionsFor([step], place.plan);
  const plan = { ...scopeOf(step, place), ...slice, loop, step: null, body: [step], rowset: null };
  const carry = { fromChunk: 0, outageSince: null, outageMessage: '', startedAt: Date.now() };
  const result = await sendAll(plan, carry, {
    outageLimitMs: step.timeoutMs,
    onSegment: (_result, message) => show(message),
    outage: outageOf(place.outages, place.plan.actions[step.action]?.connection ?? ''),
    carryOn: async () => {},
  });
  const { requests, dryRun, single } = result;
  note({ requests });
  // It is a request, and no row.
  if (dryRun) noteDryRun({ ...dryRun, rows: 0 });
  // Nothing was sent, so there is nothing to put out.
  if (place.run.dryRun) {
    for (const variable of Object.values(step.outputs)) place.unknown.add(variable);
    return { requests };
  }
  const outcome = single?.outcome ?? 'not_attempted';
  const fine = outcome === 'delivered' || (outcome === 'skipped' && place.rows.length === 0);
  if (!fine) throw actionFailure(step, path, result);
  for (const [output, variable] of Object.entries(step.outputs)) {
    place.values[variable] = revive(single?.outputs[output] ?? null);
  }
  return { requests, status: outcome === 'skipped' ? 'skipped' : 'succeeded' };
}

function actionFailure(step: ActionStep, path: string, { single, stop }: SendResult): Error {
  const { outcome = 'not_attempted', error = null } = single ?? {};
  const message = error
    ? `Action ${step.action} ended ${outcome}: ${error.message}`
    : `Action ${step.action} was not attempted.`;
  const code = error?.code ?? 'ROW_NOT_ATTEMPTED';
  const report = { code, message, step: step.id, ...actionHint(code) };
  const stopsLoop = stop?.reason === 'rule';
  return rowFailure(report, {
    outcome: outcome === 'not_attempted' ? 'failed' : (outcome as Outcome),
    stopsLoop,
    from: path,
  });
}

async function callRiver(step: RiverStep, { place }: LeafContext): Promise<LeafResult> {
  const { run, plan, searchAttributes } = place;
  const path = pathOf(step, place);
  const input: RunInput = {
    plan: planFrom(plan, step.river),
    inputs: typed(await renderInputs(step, place), plan.rivers[step.river]),
    startedBy: `river:${run.runId}`,
    full: run.full,
    dryRun: run.dryRun,
    retryOf: null,
    searchAttributes,
  };
  const options = {
    args: [input],
    workflowId: `${run.runId}/${path}`,
    workflowTaskTimeout: '5s',
    staticSummary: summaryOf(step.name ?? `${step.id}: river ${step.river}`),
  } as const;
  if (!step.wait) {
    await startChild(step.river, { ...options, parentClosePolicy: ParentClosePolicy.ABANDON });
    return {};
  }
  const result: RunResult = await executeChild(step.river, options);
  // What did not run for this row must not count as delivered.
  if (result.status === 'skipped' && place.rows.length > 0) throw overlapped(step);
  for (const [output, variable] of Object.entries(step.outputs)) {
    place.values[variable] = revive(result.outputs?.[output] ?? null);
  }
  return { status: result.status, rows: result.rows };
}

function typed(given: { [name: string]: Value }, river: RiverPlan | undefined): { [name: string]: Value } {
  const types = river?.inputs ?? {};
  return Object.fromEntries(
    Object.entries(given).map(([name, value]) => [name, calledInput(name, types[name]?.type ?? 'json', revive(value))]),
  );
}

/** The inputs become the called river's argument: Temporal shows them, as those of any run. */
async function renderInputs(step: RiverStep, place: Place): Promise<{ [name: string]: Value }> {
  if (readsRow(step.inputs, place)) {
    const path = pathOf(step, place);
    const summary = `inputs of river ${step.river}`;
    return call({ id: `${path}/inputs`, summary }).render({ ...scopeOf(step, place), path, templates: step.inputs });
  }
  const scope = { ...place.values, ...builtIns(place.run) };
  return Object.fromEntries(Object.entries(step.inputs).map(([name, input]) => [name, compileValue(input)(scope)]));
}

function overlapped({ id, river }: RiverStep): Error {
  return stepFailure({
    code: 'RIVER_OVERLAP',
    message: `River ${river} was not run: another run of it is in flight.`,
    hint: `Give ${river} \`overlap: allow\` or \`queue\`, or the loop \`max_in_flight: 1\`.`,
    step: id,
  });
}

async function runScript(step: ScriptStep, { place }: LeafContext): Promise<LeafResult> {
  // Nobody knows what it would do to the world.
  if (place.run.dryRun) {
    for (const variable of Object.values(step.outputs)) place.unknown.add(variable);
    return { status: 'skipped' };
  }
  const path = pathOf(step, place);
  const result = await call({ id: path, summary: step.name ?? `${step.id}: ${step.run.join(' ')}` }).runScript({
    ...scopeOf(step, place),
    stepId: step.id,
    path,
    command: step.run,
    inputs: step.inputs,
    outputs: step.outputs,
    retry: step.retry ?? ONCE,
  });
  for (const [variable, value] of Object.entries(result.outputs)) place.values[variable] = revive(value);
  return { attempts: result.attempts };
}
