/** Every upriver workflow: a river's run, or one loop of it. The type's name is the user's, so that Temporal's UI shows it. */
import { workflowInfo } from '@temporalio/workflow';
import type { LoopInput } from '../src/contracts/loop.ts';
import type { RunInput } from '../src/contracts/run.ts';
import { runLoop } from './loop.ts';
import { runRiver } from './river.ts';

/** A river's name has no dot; a loop's type is `<river>.<step>`. */
export default async function dispatch(input: RunInput | LoopInput): Promise<unknown> {
  return workflowInfo().workflowType.includes('.') ? runLoop(input as LoopInput) : runRiver(input as RunInput);
}
