/** When a workflow carries on as new: early enough that replay stays quick, and every run under 4,000 events. */
import { CancellationScope, CancelledFailure, workflowInfo } from '@temporalio/workflow';

/** Half of what the server suggests by itself. */
const MOST_EVENTS = 2_000;

export function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength > MOST_EVENTS;
}

/** To be asked before the rest is left to a run that would know of no cancel: Temporal does not pass one on, nor a timeout. */
export function throwIfCancelled(): void {
  if (CancellationScope.current().consideredCancelled) throw new CancelledFailure('It was cancelled between two runs.');
}
