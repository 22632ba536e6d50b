/** Walks steps in a workflow, for a river or for a row of a loop: what each came to, and who goes on after an error. */
import { CancellationScope, isCancellation } from '@temporalio/workflow';
import type { DryRunCounts } from '../src/contracts/activities.ts';
import type { BranchPlan, ConditionStep, StepPlan } from '../src/contracts/plan.ts';
import type { StepResult } from '../src/contracts/run.ts';
import { compileExpression, readsAny } from '../src/core/expressions.ts';
import { builtIns, scopeFor } from '../src/core/scope.ts';
import { compileText } from '../src/core/templates.ts';
import type { Value } from '../src/core/values.ts';
import type { Flow, LeafStep, StepHost } from '../src/core/walker.ts';
import { call } from './activities.ts';
import { withDeadline } from './deadline.ts';
import { reportOf, stepFailure, tooLate } from './failures.ts';
import { runLeaf } from './leaves.ts';
import { dependsOnRow, type LeafResult, type Place, pathOf, scopeOf } from './place.ts';
import { endsRow, rowFailure } from './row-end.ts';

/** Shows how far the steps are. */
export type Show = (steps: readonly StepResult[], note: string | null) => void;

export class WorkflowHost implements StepHost {
  readonly place: Place;
  readonly steps: StepResult[] = [];
  readonly dryRuns: DryRunCounts[] = [];
  /** Conditions of a dry run that read what only a real one knows. */
  readonly undecided: string[] = [];
  /** Something went wrong that the river's author allows. */
  partial = false;
  /** Leaf steps begun. */
  begun = 0;
  /** The first error that `on_error: continue` went past. */
  tolerated: unknown = null;
  /** The step, innermost, whose error ends the steps. */
  failed: string | undefined;
  readonly #show: Show;
  /** What the step at hand has to say beyond its flow. */
  readonly #leafResults = new Map<StepPlan, LeafResult>();

  constructor(place: Place, show: Show) {
    this.place = place;
    this.#show = show;
  }

  async leaf(step: LeafStep): Promise<Flow> {
    this.begun++;
    const result = await runLeaf(step, {
      place: this.place,
      note: (noted) => this.#leafResults.set(step, noted),
      noteDryRun: (sent) => this.dryRuns.push(sent),
      show: (note) => this.#show(this.steps, note),
    });
    this.#leafResults.set(step, result);
    return result.flow ?? 'go_on';
  }

  async choose(step: ConditionStep): Promise<BranchPlan | undefined> {
    const conditions = step.branches.map((branch) => branch.if);
    if (this.place.unknown.size > 0 && readsAny(conditions, this.place.unknown)) {
      this.undecided.push(step.id);
      this.#leafResults.set(step, { status: 'skipped' });
      return undefined;
    }
    if (!dependsOnRow(conditions, this.place)) {
      return step.branches.find(({ if: source }) => source === null || this.#holds(source));
    }
    const path = pathOf(step, this.place);
    const summary = step.name ?? `condition ${step.id}`;
    const { branch } = await call({ id: path, summary }).choose({ ...scopeOf(step, this.place), path, conditions });
    return branch === null ? undefined : step.branches[branch];
  }

  failure(step: ConditionStep, { message }: BranchPlan): Error {
    const { id } = step;
    const { rows, values } = this.place;
    if (rows.length > 0) {
      const template = message ?? `Condition ${id} refused the row.`;
      const report = { code: 'ROW_CONDITION', message: template, step: id };
      return rowFailure(report, { outcome: 'rejected', message: { template, scope: scopeFor([step], values) } });
    }
    const text = message ? compileText(message)(this.#scope()) : `Condition ${id} ended the river.`;
    return stepFailure({ code: 'RIVER_CONDITION', message: text, step: id });
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
      Object.assign(result, step.enabled ? more : { status: 'skipped', attempts: 0 });
      if (result.status === 'partial') this.partial = true;
      return flow;
    } catch (error) {
      this.#noteFailure(step, result, error);
      if (isCancellation(error) || step.onError === 'fail' || this.#endsRow(error)) throw error;
      this.partial = true;
      this.tolerated ??= error;
      this.failed = undefined;
      return 'go_on';
    } finally {
      result.duration_ms = Date.now() - startedAt;
      this.#show(this.steps, null);
    }
  }

  #endsRow(error: unknown): boolean {
    return this.place.rows.length > 0 && endsRow(error);
  }

  #noteFailure(step: StepPlan, result: StepResult, error: unknown): void {
    const { flow: _flow, ...more } = this.#leafResults.get(step) ?? {};
    Object.assign(result, more, { status: isCancellation(error) ? 'cancelled' : 'failed' });
    if (isCancellation(error)) return;
    this.failed ??= step.id;
    result.error = reportOf(error, step.id);
  }

  #holds(source: string): boolean {
    const scope = this.#scope();
    return compileExpression(source, Object.keys(scope), { functions: { rows: true } })(scope) === true;
  }

  #scope(): Record<string, Value> {
    return { ...this.place.values, ...builtIns(this.place.run) };
  }
}

/** A loop keeps its own time, and its counts when that is over. */
function ownDeadline(step: StepPlan): number | null {
  return step.type === 'loop' ? null : step.timeoutMs;
}

/** The first failure that is not a cancel: that is what ended the others. */
function raise(ended: PromiseSettledResult<Flow>[]): never {
  const failures = ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []));
  throw failures.find((failure) => !isCancellation(failure)) ?? failures[0];
}
