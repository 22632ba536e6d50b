/** Does a river's steps as Temporal work: each an activity or a child workflow. */
import {
  ApplicationFailure,

  CancellationScope,
  ChildWorkflowFailure,
  executeChild,
  isCancellation,
  ParentClosePolicy,
  setCurrentDetails,
  startChild,
} from '@temporalio/workflow';
import type { DryRunCounts, RowsetRef, RunContext } from '../src/contracts/activities.ts';
import type { LoopInput, LoopResult } from '../src/contracts/loop.ts';
import type {
  ActionStep,
  BranchPlan,
  ConditionStep,
  LoopStep,
  RiverPlan,
  RiverStep,
  ScriptStep,
  SqlStep,
  StepPlan,
} from '../src/contracts/plan.ts';
import type { RunInput, RunResult, StepResult } from '../src/contracts/run.ts';
import { compileExpression } from '../src/core/expressions.ts';
import { noRows } from '../src/core/outcomes.ts';
import { actionsFor, everyStep, planFrom } from '../src/core/plan-slice.ts';
import { builtIns, scopeFor, sqlValues } from '../src/core/scope.ts';
import { compileText, compileValue } from '../src/core/templates.ts';
import { revive, type Value } from '../src/core/values.ts';
import type { Flow, LeafStep, StepHost } from '../src/core/walker.ts';
import { call } from './activities.ts';
import { withDeadline } from './deadline.ts';
import { stepsTable } from './details.ts';
import { reportOf, stepFailure, tooLate } from './failures.ts';
import { sendAll } from './send-rows.ts';

/** What a leaf adds to its step's result. */
type LeafResult = Partial<Pick<StepResult, 'status' | 'attempts' | 'rows' | 'requests'>> & { flow?: Flow };

export class RiverHost implements StepHost {
  readonly steps: StepResult[] = [];
  readonly dryRuns: DryRunCounts[] = [];
  /** Something went wrong that the river's author allows. */
  partial = false;
  readonly #input: RunInput;
  readonly #run: RunContext;
  readonly #river: RiverPlan;
  readonly #values: Record<string, Value>;
  /** What the step at hand has to say beyond its flow. */
  readonly #leafResults = new Map<StepPlan, LeafResult>();

  constructor(input: RunInput, run: RunContext, values: Record<string, Value>) {
    this.#input = input;
    this.#run = run;
    this.#river = input.plan.rivers[input.plan.root] as RiverPlan;
    this.#values = values;
  }

  /** All of the river's; of a retry its loops alone. */
  stepsToWalk(): readonly StepPlan[] {
    if (!this.#input.retryOf) return this.#river.steps;
    return [...everyStep(this.#river.steps)].filter((step) => step.type === 'loop');
  }

  /** Values to keep for the next run. */
  persisted(): { [name: string]: Value } {
    const names = Object.entries(this.#river.variables).filter(([, variable]) => variable.persist);
    return Object.fromEntries(names.map(([name]) => [name, this.#values[name] ?? null]));
  }

  singleValues(): { [name: string]: Value } {
    const names = Object.entries(this.#river.variables).filter(([, variable]) => !variable.multiple);
    return Object.fromEntries(names.map(([name]) => [name, this.#values[name] ?? null]));
  }

  async leaf(step: LeafStep): Promise<Flow> {
    const result = await this.#runLeaf(step);
    this.#leafResults.set(step, result);
    return result.flow ?? 'go_on';
  }

  evaluate(_step: ConditionStep, { if: source }: BranchPlan): boolean {
    const scope = this.#scope();
    return compileExpression(source ?? 'true', Object.keys(scope), { functions: { rows: true } })(scope) === true;
  }

  failure(step: ConditionStep, { message }: BranchPlan): Error {
    const text = message ? compileText(message)(this.#scope()) : `Condition ${step.id} ended the river.`;
    return stepFailure({ code: 'RIVER_CONDITION', message: text, step: step.id });
  }

  parallel(branches: (() => Promise<Flow>)[]): Promise<Flow[]> {
    // The scope's failure cancels the branches that are still under way; they are waited for, so that their counts are kept.
    return CancellationScope.cancellable(async () => {
      const scope = CancellationScope.current();
      const running = branches.map((branch) =>
        branch().catch((error) => {
          scope.cancel();
          throw error;
        }),
      );
      const ended = await Promise.allSettled(running);
      return ended.map((one) => (one.status === 'fulfilled' ? one.value : raise(ended)));
    });
  }

  async around(step: StepPlan, run: () => Promise<Flow>): Promise<Flow> {
    const startedAt = Date.now();
    const result: StepResult = { id: step.id, type: step.type, status: 'succeeded', attempts: 1, duration_ms: 0 };
    this.steps.push(result);
    try {
      const flow = await withDeadline(ownDeadline(step), () => tooLate(step), run);
      const { flow: _flow, ...more } = this.#leafResults.get(step) ?? {};
      Object.assign(result, step.enabled ? more : { status: 'skipped' });
      if (result.status === 'partial') this.partial = true;
      return flow;
    } catch (error) {
      this.#noteFailure(step, result, error);
      if (isCancellation(error) || step.onError === 'fail') throw error;
      this.partial = true;
      return 'go_on';
    } finally {
      result.duration_ms = Date.now() - startedAt;
      setCurrentDetails(stepsTable(this.steps, null));
    }
  }

  #noteFailure(step: StepPlan, result: StepResult, error: unknown): void {
    const { flow: _flow, ...more } = this.#leafResults.get(step) ?? {};
    Object.assign(result, more, { status: isCancellation(error) ? 'cancelled' : 'failed' });
    if (!isCancellation(error)) result.error = reportOf(error, step.id);
  }

  #runLeaf(step: LeafStep): Promise<LeafResult> {
    switch (step.type) {
      case 'sql':
        return this.#sql(step);
      case 'action':
        return this.#action(step);
      case 'loop':
        return this.#loop(step);
      case 'river':
        return this.#callRiver(step);
      case 'script':
        return this.#script(step);
    }
  }

  async #sql(step: SqlStep): Promise<LeafResult> {
    const connection = this.#input.plan.connections[step.connection];
    if (!connection) throw new Error(`connection ${step.connection} is not in the plan`);
    const { runId } = this.#run;
    const summary = step.target?.kind === 'table' ? `${step.target.mode} ${step.target.table}` : `sql on ${step.connection}`;
    const result = await call({ id: step.id, summary: step.name ?? summary }).runSql({
      run: this.#run,
      step,
      path: step.id,
      connection,
      values: sqlValues(step.sql, this.#scope()),
      rowset: `${runId}/${step.id}`,
    });
    if (step.target?.kind === 'variable') this.#values[step.target.variable] = revive(result.value);
    return { attempts: result.attempts };
  }

  async #action(step: ActionStep): Promise<LeafResult> {
    const slice = actionsFor([step], this.#input.plan);
    const scope = scopeFor([step], this.#values);
    const loop = { runId: this.#run.runId, path: step.id };
    const plan = { run: this.#run, loop, step: null, body: [{ ...step, outputs: {} }], rowset: null, scope, ...slice };
    const carry = { fromChunk: 0, outageSince: null, startedAt: Date.now() };
    const { single, requests, dryRun } = await sendAll(plan, carry, {
      outageLimitMs: step.timeoutMs,
      onSegment: (_result, note) => setCurrentDetails(stepsTable(this.steps, note)),
      carryOn: async () => {},
    });
    if (dryRun) this.dryRuns.push(dryRun);
    this.#leafResults.set(step, { requests });
    const ended = single?.outcome ?? 'not_attempted';
    // Nothing was sent, so there is nothing to put out.
    if (this.#run.dryRun) return { requests };
    if (ended !== 'delivered' && ended !== 'skipped') throw stepFailure(actionError(step, single?.error ?? null, ended));
    for (const [output, variable] of Object.entries(step.outputs)) {
      this.#values[variable] = revive(single?.outputs[output] ?? null);
    }
    return { requests, status: ended === 'skipped' ? 'skipped' : 'succeeded' };
  }

  async #loop(step: LoopStep): Promise<LeafResult> {
    const rowset = await this.#rowsFor(step);
    if (!rowset) return { rows: noRows(), requests: 0 };
    const { connections } = this.#input.plan;
    const input: LoopInput = {
      run: this.#run,
      step,
      path: step.id,
      rowset,
      scope: scopeFor(step.steps, this.#values),
      ...actionsFor(step.steps, this.#input.plan),
      resultsConnection: step.results?.kind === 'table' ? (connections[step.results.connection] ?? null) : null,
      carry: null,
    };
    const { status, rows, requests, stopsRiver } = await this.#sendLoop(input);
    return { status, rows, requests, flow: stopsRiver ? 'stop' : 'go_on' };
  }

  /** The variable's rows, or those of an earlier run; null: there are none. */
  #rowsFor(step: LoopStep): Promise<RowsetRef | null> | RowsetRef | null {
    const { retryOf } = this.#input;
    if (!retryOf) return this.#values[step.over] as unknown as RowsetRef | null;
    const { actions } = actionsFor(step.steps, this.#input.plan);
    const idempotent = Object.values(actions).every(({ requests }) => requests.every((request) => request.idempotent));
    return call({ id: `${step.id}/rows`, summary: `rows of ${retryOf.runId} to send again` }).retryRows({
      run: this.#run,
      loop: { runId: this.#run.runId, path: step.id },
      step,
      of: retryOf.runId,
      includeUnknown: idempotent || retryOf.includeUnknown,
    });
  }

  /** Whatever ends the loop, its counts are told. */
  async #sendLoop(input: LoopInput): Promise<LoopResult> {
    const { step, path, run } = input;
    try {
      const result = await executeChild<(loop: LoopInput) => Promise<LoopResult>>(`${run.river}.${step.id}`, {
        args: [input],
        workflowId: `${run.runId}/${path}`,
        workflowTaskTimeout: '5s',
        staticSummary: step.name ?? `loop over ${step.over}: ${input.rowset.rows} rows`,
      });
      this.#noteLoop(step, result);
      return result;
    } catch (error) {
      const result = loopResultOf(error);
      if (result) this.#noteLoop(step, result);
      if (result) throw error;
      const loop = { runId: run.runId, path };
      const counts = await CancellationScope.nonCancellable(() =>
        call({ id: `${path}/finish`, summary: 'count the rows' }).finishRows({ run, loop }),
      );
      this.#leafResults.set(step, counts);
      throw error;
    }
  }

  #noteLoop(step: LoopStep, { rows, requests, dryRun, results }: LoopResult): void {
    this.#leafResults.set(step, { rows, requests });
    if (step.results?.kind === 'variable' && results) this.#values[step.results.variable] = { ...results };
    if (dryRun) this.dryRuns.push(dryRun);
  }

  async #callRiver(step: RiverStep): Promise<LeafResult> {
    const { runId } = this.#run;
    const { plan, full, dryRun, searchAttributes } = this.#input;
    const inputs = this.#render(step.inputs);
    const startedBy = `river:${runId}`;
    const input: RunInput = { plan: planFrom(plan, step.river), inputs, startedBy, full, dryRun, retryOf: null, searchAttributes };
    const options = {
      args: [input],
      workflowId: `${runId}/${step.id}`,
      workflowTaskTimeout: '5s',
      staticSummary: step.name ?? `river ${step.river}`,
    };
    if (!step.wait) {
      await startChild(step.river, { ...options, parentClosePolicy: ParentClosePolicy.ABANDON });
      return {};
    }
    const result: RunResult = await executeChild(step.river, options);
    for (const [output, variable] of Object.entries(step.outputs)) {
      this.#values[variable] = revive(result.outputs?.[output] ?? null);
    }
    return { status: result.status, rows: result.rows };
  }

  async #script(step: ScriptStep): Promise<LeafResult> {
    const scope = this.#scope();
    const result = await call({ id: step.id, summary: step.name ?? step.run.join(' ') }).runScript({
      run: this.#run,
      stepId: step.id,
      command: step.run.map((part) => compileText(part)(scope)),
      inputs: this.#render(step.inputs),
      outputs: step.outputs,
      attempts: step.retry?.attempts ?? 1,
    });
    for (const [variable, value] of Object.entries(result.outputs)) this.#values[variable] = revive(value);
    return { attempts: result.attempts };
  }

  #render(templates: Record<string, Parameters<typeof compileValue>[0]>): { [name: string]: Value } {
    const scope = this.#scope();
    return Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, compileValue(template)(scope)]));
  }

  #scope(): Record<string, Value> {
    return { ...this.#values, ...builtIns(this.#run) };
  }
}

/** A loop keeps its own time, and its counts when that is over. */
function ownDeadline(step: StepPlan): number | null {
  return step.type === 'loop' ? null : step.timeoutMs;
}

/** A failed loop's result rides on its failure. */
function loopResultOf(error: unknown): LoopResult | null {
  const cause = error instanceof ChildWorkflowFailure ? error.cause : null;
  return cause instanceof ApplicationFailure ? ((cause.details?.[1] as LoopResult | undefined) ?? null) : null;
}

function actionError(step: ActionStep, error: { code: string; message: string } | null, outcome: string) {
  return error
    ? { code: error.code, message: `Action ${step.action} ended ${outcome}: ${error.message}`, step: step.id }
    : { code: 'ROW_NOT_ATTEMPTED', message: `Action ${step.action} was not attempted.`, step: step.id };
}

/** The first failure that is not a cancel: that is what ended the others. */
function raise(ended: PromiseSettledResult<Flow>[]): never {
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  throw failures.find((failure) => !isCancellation(failure)) ?? failures[0];
}

