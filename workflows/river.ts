/** A logic river: begins its run, walks its steps, ends it with an honest status whatever happened between. */
import {
  ApplicationFailure,
  CancellationScope,
  ContinueAsNew,
  continueAsNew,
  isCancellation,
  setCurrentDetails,
  sleep,
  workflowInfo,
} from '@temporalio/workflow';
import type { BeginRunResult, RunContext } from '../src/contracts/activities.ts';
import type { RiverPlan, StepPlan, VariablePlan } from '../src/contracts/plan.ts';
import type { Began, FinalStatus, RunInput, RunResult } from '../src/contracts/run.ts';
import { formatDuration } from '../src/core/durations.ts';
import type { ErrorReport } from '../src/core/errors.ts';
import { addCounts, noRows } from '../src/core/outcomes.ts';
import { outermostLoops } from '../src/core/plan-slice.ts';
import { summaryOf } from '../src/core/summary.ts';
import { revive, type Value } from '../src/core/values.ts';
import { walk } from '../src/core/walker.ts';
import { call } from './activities.ts';
import { showStatus } from './attributes.ts';
import { withDeadline } from './deadline.ts';
import { stepsTable } from './details.ts';
import { dryRunReport } from './dry-run.ts';
import { reportOf, stepFailure } from './failures.ts';
import { isHistoryLong } from './history.ts';
import type { Place } from './place.ts';
import { WorkflowHost } from './step-host.ts';

const FIRST_LOOK_MS = 1_000;
const LONGEST_LOOK_MS = 10_000;

interface Ending {
  status: FinalStatus;
  error: ErrorReport | null;
  /** What Temporal is to be told: null for a run that completes. */
  failure: unknown;
}

/** Completes for succeeded, partial and skipped; fails for failed; is cancelled for cancelled. */
export async function runRiver(input: RunInput): Promise<RunResult> {
  const run = contextOf(input);
  const river = input.plan.rivers[input.plan.root] as RiverPlan;
  const host = new WorkflowHost(riverPlace(input, run), (steps, note) => setCurrentDetails(stepsTable(steps, note)));
  return finish({ input, run, host }, await toEnd(input, river, host));
}

async function toEnd(input: RunInput, river: RiverPlan, host: WorkflowHost): Promise<Ending> {
  const { run, values } = host.place;
  try {
    const begun = await begin(input, run, river);
    Object.assign(values, startValues(river, input, begun.variables));
    if (begun.decision === 'skip') return skipped(run, begun.holder);
    showStatus(input, 'running', noRows());
    // The river's own time: what it waited for another run is none of it.
    await withDeadline(
      river.timeoutMs,
      () => tooLate(river),
      () => walk(stepsToWalk(river, host.place), host),
    );
    return { status: host.partial ? 'partial' : 'succeeded', error: null, failure: null };
  } catch (error) {
    if (error instanceof ContinueAsNew) throw error;
    if (isCancellation(error)) return { status: 'cancelled', error: null, failure: error };
    return { status: 'failed', error: reportOf(error, host.failed), failure: error };
  }
}

function riverPlace({ plan, searchAttributes, retryOf }: RunInput, run: RunContext): Place {
  const none = { rows: [], values: {}, unknown: new Set<string>(), outages: new Map() };
  return { run, plan, prefix: '', searchAttributes, retryOf, ...none };
}

/** All of the river's; of a retry its loops alone, each with all that is in it. */
function stepsToWalk({ steps }: RiverPlan, { retryOf }: Place): readonly StepPlan[] {
  return retryOf ? [...outermostLoops(steps)] : steps;
}

function valuesOf({ plan, values }: Place, wanted: (variable: VariablePlan) => boolean): { [name: string]: Value } {
  const { variables } = plan.rivers[plan.root] as RiverPlan;
  const names = Object.keys(variables).filter((name) => wanted(variables[name] as VariablePlan));
  return Object.fromEntries(names.map((name) => [name, values[name] ?? null]));
}

function singleValues(place: Place): { [name: string]: Value } {
  return valuesOf(place, ({ multiple }) => !multiple);
}

async function begin(input: RunInput, run: RunContext, { overlap }: RiverPlan): Promise<BeginRunResult> {
  const { inputs, startedBy } = input;
  const { startedAt, scheduledAt } = run;
  const retryOf = input.retryOf?.runId ?? null;
  for (let pause = FIRST_LOOK_MS; ; pause = Math.min(pause * 1.5, LONGEST_LOOK_MS)) {
    const begun = await call({ id: 'begin', summary: 'begin the run' }).beginRun({
      run,
      inputs,
      startedBy,
      overlap,
      retryOf,
    });
    if (begun.decision !== 'wait') return begun;
    setCurrentDetails(`Waiting for ${begun.holder} to end.`);
    await sleep(Math.round(pause), { summary: summaryOf(`waiting for ${begun.holder}`) });
    // Nothing has happened yet but waiting, and that may take days.
    if (isHistoryLong()) await continueAsNew<typeof runRiver>({ ...input, began: { startedAt, scheduledAt } });
  }
}

interface Run {
  input: RunInput;
  run: RunContext;
  host: WorkflowHost;
}

async function finish({ input, run, host }: Run, { status, error, failure }: Ending): Promise<RunResult> {
  const result = resultOf({ input, run, host }, { status, error, failure });
  const variables = status === 'succeeded' && !run.dryRun ? valuesOf(host.place, ({ persist }) => persist) : {};
  const { retentionMs } = input.plan;
  const endedAt = Date.parse(result.started_at) + result.duration_ms;
  const values = singleValues(host.place);
  const ended = { run, status, endedAt, steps: host.steps, error, variables, values, retentionMs };
  await CancellationScope.nonCancellable(async () => {
    showStatus(input, status, result.rows);
    setCurrentDetails(stepsTable(host.steps, error?.message ?? null));
    await call({ id: 'end', summary: `end the run: ${status}` }).endRun(ended);
  });
  if (status === 'cancelled') throw failure;
  if (status === 'failed') throw failedWith(result);
  return result;
}

function resultOf({ run, host }: Run, { status, error }: Ending): RunResult {
  return {
    run_id: run.runId,
    workflow_id: run.runId,
    river: run.river,
    status,
    started_at: run.startedAt,
    duration_ms: Date.now() - Date.parse(run.startedAt),
    steps: host.steps,
    rows: host.steps.reduce((sum, step) => (step.rows ? addCounts(sum, step.rows) : sum), noRows()),
    error,
    outputs: singleValues(host.place),
    ...(run.dryRun ? { dry_run: dryRunReport(host) } : {}),
  };
}

/** The result rides on the failure, so that a client has it without the state store. */
function failedWith(result: RunResult): ApplicationFailure {
  const { code, message } = result.error ?? { code: 'INTERNAL_UNEXPECTED', message: 'The run failed.' };
  return ApplicationFailure.create({ type: code, message, nonRetryable: true, details: [result.error, result] });
}

function contextOf({ plan, dryRun, full, began = beganNow() }: RunInput): RunContext {
  return { runId: workflowInfo().workflowId, river: plan.root, ...began, dryRun, full };
}

function beganNow(): Began {
  const { startTime, searchAttributes } = workflowInfo();
  const [scheduled] = (searchAttributes.TemporalScheduledStartTime ?? []) as Date[];
  return { startedAt: startTime.toISOString(), scheduledAt: (scheduled ?? startTime).toISOString() };
}

function startValues(river: RiverPlan, input: RunInput, known: { [name: string]: Value }): Record<string, Value> {
  const values: Record<string, Value> = {};
  for (const [name, variable] of Object.entries(river.variables)) {
    values[name] = revive((variable.persist || input.retryOf ? known[name] : undefined) ?? variable.initial ?? null);
  }
  for (const [name, { required, default: byDefault }] of Object.entries(river.inputs)) {
    // null is a value of every type.
    values[name] = revive(
      (Object.hasOwn(input.inputs, name) ? input.inputs[name] : required ? null : byDefault) ?? null,
    );
  }
  return values;
}

function skipped(run: RunContext, holder: string | null): Ending {
  const message = `Another run of ${run.river} is in flight: ${holder}.`;
  return {
    status: 'skipped',
    error: { code: 'RIVER_OVERLAP', message, hint: 'Set `overlap` in the river to choose.' },
    failure: null,
  };
}

function tooLate({ name, timeoutMs }: RiverPlan): Error {
  return stepFailure({
    code: 'RIVER_TIMEOUT',
    message: `River ${name} did not end within its timeout of ${formatDuration(timeoutMs ?? 0)}.`,
    hint: 'Rows that were not sent are not attempted; `upriver retry` sends them. Raise `timeout` if it is too short.',
  });
}
