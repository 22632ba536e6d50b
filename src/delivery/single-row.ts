/** How an action step ended: it is a loop over one row, so that the same marks keep it honest through a crash. */
import type { SendInput, SingleResult } from '../contracts/activities.ts';
import type { StepPlan } from '../contracts/plan.ts';
import { outcomeOf, ROW_STATE } from '../core/outcomes.ts';
import type { StateStore } from '../core/store.ts';
import { decode, type Value } from '../core/values.ts';

const NOT_SAID = 'see the record of the row.';

export async function readSingle({ loop, body, rows }: SendInput, store: StateStore): Promise<SingleResult> {
  const [state] = await store.readStates(loop, 0);
  const [record] = await store.readRecords(loop, { limit: 1 });
  const [kept] = await store.readOutputs(loop, 0, 0);
  return {
    outcome: outcomeOf(state ?? ROW_STATE.pending),
    // An API may quote the row; the row's own record says all of it.
    error: record ? { code: record.code, message: rows.length > 0 ? NOT_SAID : record.message } : null,
    outputs: wantedOf(body, kept ? (decode(kept.outputs) as { [name: string]: Value }) : {}),
  };
}

/** What goes to variables; the rest of a reply stays out of Temporal. */
function wantedOf(body: readonly StepPlan[], outputs: { [name: string]: Value }): { [name: string]: Value } {
  const wanted = body.flatMap((step) => (step.type === 'action' ? Object.keys(step.outputs) : []));
  return Object.fromEntries(wanted.map((name) => [name, outputs[name] ?? null]));
}
