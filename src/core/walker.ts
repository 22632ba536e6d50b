/**
 * The one interpreter of steps. It decides what comes next; a host does it: the workflow (each step an activity or a
 * child workflow) or a row's walk through a loop's body (each step done in place).
 */
import type {
  ActionStep,
  BranchPlan,
  ConditionStep,
  LoopStep,
  RiverStep,
  ScriptStep,
  SqlStep,
  StepPlan,
} from '../contracts/plan.ts';

export type LeafStep = SqlStep | ActionStep | LoopStep | RiverStep | ScriptStep;

/** go_on: the next step; skip: leave the enclosing container; stop: leave the river. */
export type Flow = 'go_on' | 'skip' | 'stop';

export interface StepHost {
  leaf(step: LeafStep): Promise<Flow>;
  /** The branch that is taken; undefined: none. */
  choose(condition: ConditionStep): BranchPlan | undefined | Promise<BranchPlan | undefined>;
  /** The error that `then: fail` ends in. */
  failure(condition: ConditionStep, branch: BranchPlan): Error;
  /** Runs branches side by side; the first to throw ends the others. */
  parallel(branches: (() => Promise<Flow>)[]): Promise<Flow[]>;
  /** Wraps every step: timing, reporting, on_error. Rethrows what it does not tolerate. */
  around(step: StepPlan, run: () => Promise<Flow>): Promise<Flow>;
}

/** Walks a container's steps in order; returns why it ended. */
export async function walk(steps: readonly StepPlan[], host: StepHost): Promise<Flow> {
  for (const step of steps) {
    const flow = await host.around(step, () => (step.enabled ? walkStep(step, host) : Promise.resolve<Flow>('go_on')));
    if (flow !== 'go_on') return flow;
  }
  return 'go_on';
}

function walkStep(step: StepPlan, host: StepHost): Promise<Flow> {
  switch (step.type) {
    case 'sequence':
      return walk(step.steps, host).then(leaveContainer);
    case 'parallel':
      return walkParallel(step.steps, host);
    case 'condition':
      return walkCondition(step, host);
    default:
      return host.leaf(step);
  }
}

async function walkParallel(steps: readonly StepPlan[], host: StepHost): Promise<Flow> {
  const flows = await host.parallel(steps.map((step) => () => walk([step], host)));
  return flows.includes('stop') ? 'stop' : 'go_on';
}

async function walkCondition(step: ConditionStep, host: StepHost): Promise<Flow> {
  const branch = await host.choose(step);
  if (!branch) return 'go_on';
  if (branch.then === 'fail') throw host.failure(step, branch);
  return branch.then === 'steps' ? walk(branch.steps, host) : branch.then;
}

/** `skip` ends the container that holds it, not the ones around that. */
function leaveContainer(flow: Flow): Flow {
  return flow === 'skip' ? 'go_on' : flow;
}
