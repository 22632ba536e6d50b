/** Every upriver workflow: a river's run, or one loop of it. The type's name is the user's, so that Temporal's UI shows it. */
import { workflowInfo } from '@temporalio/workflow';
import type { LoopInput } from '../src/contracts/loop.ts';
import { PLAN_VERSION } from '../src/contracts/plan.ts';
import type { RunInput } from '../src/contracts/run.ts';
import { runLoop } from './loop.ts';
import { runRiver } from './river.ts';

/** A river's name has no dot; a loop's type is `<river>.<step>`. */
export default async function dispatch(input: RunInput | LoopInput): Promise<unknown> {
  const { version } = input.plan;
  // A plain error fails the task, not the run: it is tried again until a worker takes it that knows such plans.
  if (version > PLAN_VERSION) throw new Error(`plan version ${version} needs a newer upriver than this worker's`);
  return workflowInfo().workflowType.includes('.') ? runLoop(input as LoopInput) : runRiver(input as RunInput);
}
