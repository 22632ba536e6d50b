/** When a workflow carries on as new: early enough that replay stays quick, and every run under 4,000 events. */
import { workflowInfo } from '@temporalio/workflow';

/** Half of what the server suggests by itself. */
const MOST_EVENTS = 2_000;

export function isHistoryLong(): boolean {
  const { historyLength, continueAsNewSuggested } = workflowInfo();
  return continueAsNewSuggested || historyLength > MOST_EVENTS;
}
