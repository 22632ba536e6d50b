/** Walks one row through a loop's body: each action done in place. */
import type { ActionStep, BranchPlan, ConditionStep, StepPlan } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { readsAny } from '../core/expressions.ts';
import type { Outcome } from '../core/outcomes.ts';
import { compileText } from '../core/templates.ts';
import type { Scope, Value } from '../core/values.ts';
import { type Flow, type LeafStep, type StepHost, walk } from '../core/walker.ts';
import { actionScope, type CompiledAction, type CompiledRequest, renderAll } from './action.ts';
import { type Answer, type AttemptContext, attempt } from './attempts.ts';
import { type Body, isTrue } from './body.ts';
import { forgetTime, timedBy, UNTIMED } from './step-time.ts';
import type { Progress, RowTask } from './task.ts';

/** How a row ended. */
export interface RowEnd {
  outcome: Outcome;
  code: string;
  message: string;
  /** The answer that decided; null: none did. */
  answer: Answer | null;
  /** What the body's actions put out, by name. */
  outputs: { [name: string]: Value };
  /** The row ends the whole loop, or the river. */
  stop: 'rule' | 'river' | null;
}

/** Ends the row's walk. */
class RowEnded extends Error {
  readonly end: Omit<RowEnd, 'outputs'>;
  constructor(end: Omit<RowEnd, 'outputs'>) {
    super(end.message);
    this.end = end;
  }
}

export interface RowWalkContext {
  body: Body;
  attempts: AttemptContext;
  markAhead: boolean;
}

/** `scope` holds the row's iterators; action outputs are added to it. Throws StoppedError when the segment ends first. */
export async function walkRow(task: RowTask, scope: Record<string, Value>, context: RowWalkContext): Promise<RowEnd> {
  const host = new RowHost(task, scope, context);
  try {
    const flow = await walk(context.body.steps, host);
    return host.end(flow);
  } catch (error) {
    return host.endOf(error);
  }
}

type Tries = Pick<Progress, 'cursor' | 'attempts' | 'charged'>;

class RowHost implements StepHost {
  readonly #task: RowTask;
  readonly #scope: Record<string, Value>;
  readonly #context: RowWalkContext;
  readonly #outputs: { [name: string]: Value } = {};
  /** Of a dry run: what the row's actions put out, which only a real run knows. Conditions on it are passed over. */
  readonly #unknown = new Set<string>();
  /** Tries of the request that it had come to: those before it are made again on the way there. */
  readonly #resumed: Tries | null;
  #place = 0;
  #timed = UNTIMED;
  #delivered: Answer | null = null;
  /** The first failure of a step with `on_error: continue`: the row goes on, but it did not end well. */
  #tolerated: RowEnded | null = null;

  constructor(task: RowTask, scope: Record<string, Value>, context: RowWalkContext) {
    this.#task = task;
    const { cursor, attempts, charged } = task.progress;
    this.#resumed = cursor > 0 ? { cursor, attempts, charged } : null;
    this.#scope = scope;
    this.#context = context;
  }

  async leaf(step: LeafStep): Promise<Flow> {
    const known = step.type === 'action' ? this.#context.body.actions.get(step) : undefined;
    if (!known) throw new UpriverError('INTERNAL_STEP_IN_STREAM', `Step ${step.id} cannot run inside a row.`);
    const outputs = await this.#runAction(known.action, renderAll(known.inputs, this.#scope));
    Object.assign(this.#outputs, outputs);
    for (const [output, variable] of Object.entries((step as ActionStep).outputs)) {
      this.#scope[variable] = outputs[output] ?? null;
      if (this.#context.attempts.rehearsal) this.#unknown.add(variable);
    }
    return 'go_on';
  }

  choose({ branches }: ConditionStep): BranchPlan | undefined {
    const sources = branches.map((branch) => branch.if);
    if (this.#unknown.size > 0 && readsAny(sources, this.#unknown)) return undefined;
    const { conditions } = this.#context.body;
    return branches.find((branch) => branch.if === null || isTrue(conditions.get(branch), this.#scope));
  }

  failure(condition: ConditionStep, branch: BranchPlan): Error {
    const message = branch.message
      ? compileText(branch.message)(this.#scope)
      : `Condition ${condition.id} refused the row.`;
    return new RowEnded({ outcome: 'rejected', code: 'ROW_CONDITION', message, answer: null, stop: null });
  }

  parallel(): Promise<Flow[]> {
    throw new UpriverError('INTERNAL_STEP_IN_STREAM', 'Parallel steps cannot run inside a row.');
  }

  around(step: StepPlan, run: () => Promise<Flow>): Promise<Flow> {
    const runTimed = step.timeoutMs === null ? run : () => this.#timing(step, run);
    return step.onError === 'fail' ? runTimed() : this.#tolerating(runTimed);
  }

  async #timing(step: StepPlan, run: () => Promise<Flow>): Promise<Flow> {
    const around = this.#timed;
    this.#timed = timedBy(step, around);
    try {
      const flow = await run();
      // For where the row is walked anew, from its beginning.
      forgetTime(this.#task.progress, step.id);
      return flow;
    } finally {
      this.#timed = around;
    }
  }

  async #tolerating(run: () => Promise<Flow>): Promise<Flow> {
    try {
      return await run();
    } catch (error) {
      const ended = endedBy(error);
      if (ended.end.stop || ended.end.outcome === 'skipped') throw error;
      this.#tolerated ??= ended;
      return 'go_on';
    }
  }

  end(flow: Flow): RowEnd {
    if (this.#tolerated) return { ...this.#tolerated.end, outputs: this.#outputs };
    const outcome = this.#delivered ? 'delivered' : 'skipped';
    const message = outcome === 'skipped' ? 'No action ran for this row.' : '';
    const stop = flow === 'stop' ? 'river' : null;
    return { outcome, code: 'ROW_CONDITION', message, answer: this.#delivered, outputs: this.#outputs, stop };
  }

  endOf(error: unknown): RowEnd {
    return { ...endedBy(error).end, outputs: this.#outputs };
  }

  async #runAction(action: CompiledAction, given: Record<string, Value>): Promise<{ [name: string]: Value }> {
    const scope = actionScope(action, given, this.#scope);
    let outputs: { [name: string]: Value } = {};
    for (const request of action.requests) {
      outputs = await this.#runRequest(request, scope);
      scope[request.plan.id] = outputs;
    }
    return outputs;
  }

  async #runRequest(request: CompiledRequest, actionScope: Scope): Promise<{ [name: string]: Value }> {
    const place = this.#place++;
    const { progress } = this.#task;
    const done = progress.done[place];
    if (done) return done;
    if (place !== progress.cursor) Object.assign(progress, this.#triesAt(place));
    const scope =
      request.inputs.length === 0 ? actionScope : { ...actionScope, ...renderAll(request.inputs, actionScope) };
    const answer = await attempt(
      {
        rows: [this.#task],
        request,
        prepared: request.build(scope, request.destination.baseUrl),
        markAhead: this.#context.markAhead,
        keepsProgress: this.#context.body.requests > 1,
        timed: this.#timed,
      },
      this.#context.attempts,
    );
    if (answer.then !== 'deliver') throw endedByAnswer(answer);
    this.#delivered = answer;
    const outputs = readOutputs(request, answer);
    if (!request.plan.idempotent) progress.done = { ...progress.done, [place]: outputs };
    return outputs;
  }

  #triesAt(place: number): Tries {
    return this.#resumed?.cursor === place ? this.#resumed : { cursor: place, attempts: 0, charged: 0 };
  }
}

/** What an answer that did not deliver makes of its rows. */
export const OUTCOME_OF = {
  skip: 'skipped',
  reject: 'rejected',
  fail: 'failed',
  unknown: 'unknown',
  stop: 'failed',
} as const satisfies Record<string, Outcome>;

/** Errors about the row end the row: its values cannot be sent, or do not fit an expression. All others end the segment. */
function endedBy(error: unknown): RowEnded {
  if (error instanceof RowEnded) return error;
  if (!(error instanceof UpriverError)) throw error;
  const { code, message } = error;
  const end = { code, message, answer: null, stop: null };
  if (code.startsWith('ROW_')) return new RowEnded({ ...end, outcome: 'rejected' });
  if (code === 'RIVER_EXPRESSION') return new RowEnded({ ...end, outcome: 'failed' });
  throw error;
}

function endedByAnswer(answer: Answer): RowEnded {
  const then = answer.then as keyof typeof OUTCOME_OF;
  const { code, message } = answer;
  return new RowEnded({ outcome: OUTCOME_OF[then], code, message, answer, stop: then === 'stop' ? 'rule' : null });
}

/** The request was applied, so a mapping that fails costs its output, not the row. */
function readOutputs({ outputs }: CompiledRequest, answer: Answer): { [name: string]: Value } {
  const scope = outputs.length > 0 ? answer.reply?.scope : null;
  if (!scope) return {};
  return Object.fromEntries(outputs.map(([name, evaluate]) => [name, orNull(() => evaluate(scope))]));
}

function orNull(evaluate: () => Value): Value {
  try {
    return evaluate();
  } catch {
    return null;
  }
}
