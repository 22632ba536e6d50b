/** Around a loop's sending: its keys before, its rows in doubt and its results after, its bad rows again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type {
  Activities,
  FinishRowsInput,
  FinishRowsResult,
  ResultsInput,
  RowsetRef,
} from '../src/contracts/activities.ts';
import type { WarehouseConnectionPlan } from '../src/contracts/plan.ts';
import { noRows } from '../src/core/outcomes.ts';
import type { LoopKey, StateStore } from '../src/core/store.ts';
import { encode, type Row } from '../src/core/values.ts';
import { checkKeys } from '../src/delivery/check-keys.ts';
import { settleInDoubt } from '../src/delivery/finish.ts';
import { openResults, type Results } from '../src/delivery/results.ts';
import { retryRows } from '../src/delivery/retry-rows.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import type { Pools } from './pools.ts';

type RowActivities = Pick<Activities, 'checkKeys' | 'finishRows' | 'writeResults' | 'retryRows'>;

export function rowActivities(deps: ActivityDeps, pools: Pools): RowActivities {
  const { store } = deps;
  const options = (loop: LoopKey) => ({ deps, retry: null, step: loop.path });
  return {
    checkKeys: (input) => runAttempt(options(input.loop), ({ cancel }) => checkKeys(input, { store, stop: cancel })),
    finishRows: (input) => runAttempt({ ...options(input.loop), bookkeeping: true }, () => finishRows(input, store)),
    retryRows: (input) => runAttempt(options(input.loop), () => retryRows(input, store)),
    writeResults: (input) =>
      runAttempt(options(input.loop), ({ cancel }) =>
        input.step.results?.kind === 'table'
          ? resultsTable(input, { store, pools, stop: cancel })
          : resultsRowset(input, store),
      ),
  };
}

async function finishRows({ loop, rows: read }: FinishRowsInput, store: StateStore): Promise<FinishRowsResult> {
  if (!(await store.getLoop(loop))) return { rows: { ...noRows(), read, not_attempted: read }, requests: 0 };
  await settleInDoubt(loop, store, (ms) => sleep(ms));
  const { rows, requests } = await store.countLoop(loop);
  return { rows, requests };
}

async function resultsRowset(input: ResultsInput, store: StateStore): Promise<RowsetRef> {
  const known = await store.getRowset(input.resultsRowset);
  if (known) return { $rowset: known.id, rows: known.rows, columns: known.columns };
  const { columns, chunks } = await openResults(input, store);
  const writer = await store.writeRowset(input.resultsRowset, { runId: input.run.runId, columns });
  for await (const rows of chunks) await writer.append(rows.map(encode));
  const { id, rows } = await writer.publish();
  return { $rowset: id, rows, columns };
}

interface TableTools {
  store: StateStore;
  pools: Pools;
  stop: AbortSignal;
}

async function resultsTable(input: ResultsInput, { store, pools, stop }: TableTools): Promise<null> {
  const { results } = input.step;
  if (results?.kind !== 'table') return null;
  const warehouse = await pools.warehouse(input.connection as WarehouseConnectionPlan);
  await using session = await warehouse.session();
  const { columns, chunks } = await openResults(input, store);
  const target = { kind: 'table', table: results.table, mode: results.mode, key: [] } as const;
  const tag = { run: input.run.runId, river: input.run.river, step: `${input.loop.path}/results` };
  await session.writeRows(
    { columns, rows: eachRow(chunks) },
    { ...target, key: [] },
    { signal: stop, timeoutMs: null, tag },
  );
  return null;
}

async function* eachRow(chunks: Results['chunks']): AsyncGenerator<Row> {
  for await (const rows of chunks) yield* rows;
}
