/** The activities' one door: everything a worker of upriver can do. */
import type { Activities } from '../src/contracts/activities.ts';
import { RowReader } from '../src/delivery/row-reader.ts';
import type { ActivityDeps } from './deps.ts';
import { openPools } from './pools.ts';
import { rowLoopActivities } from './row-loop.ts';
import { rowActivities } from './rows.ts';
import { runActivities } from './runs.ts';
import { scriptActivities } from './script.ts';
import { sendActivities } from './send.ts';
import { sqlActivities } from './sql.ts';

export type { ActivityDeps, OpenRuns } from './deps.ts';

/** Dispose when the worker has stopped: it closes warehouses and connections. */
export function createActivities(deps: ActivityDeps): { activities: Activities } & AsyncDisposable {
  const pools = openPools(deps);
  const rows = new RowReader(deps.store);
  return {
    activities: {
      ...runActivities(deps),
      ...sqlActivities(deps, pools, rows),
      ...sendActivities(deps, pools, rows),
      ...rowActivities(deps, pools),
      ...scriptActivities(deps, rows),
      ...rowLoopActivities(deps, rows),
    },
    [Symbol.asyncDispose]: () => pools[Symbol.asyncDispose](),
  };
}
