/** SQL steps: a statement pushed down, or its result streamed once into the state store. */
import type { Activities, RowsetRef, SqlInput, SqlResult } from '../src/contracts/activities.ts';
import type { TableTarget, WarehouseConnectionPlan } from '../src/contracts/plan.ts';
import { sqlValues } from '../src/core/scope.ts';
import type { StateStore } from '../src/core/store.ts';
import { decode, type Row, type Value } from '../src/core/values.ts';
import { hidingRows } from '../src/delivery/hide-rows.ts';
import { type RowReader, scopeOf } from '../src/delivery/row-reader.ts';
import type { BoundSql, StatementHandle, StatementOptions, WarehouseSession } from '../src/warehouses/index.ts';
import { type Attempt, runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import type { Pools } from './pools.ts';
import { saveRunningStep } from './steps.ts';

const DEFAULT_RETRY = { attempts: 3, initialMs: 1_000, maxMs: 30_000 };

export function sqlActivities(deps: ActivityDeps, pools: Pools, rows: RowReader): Pick<Activities, 'runSql'> {
  return {
    runSql: (input) =>
      runAttempt<SqlResult, StatementHandle>(
        { deps, retry: input.step.retry ?? DEFAULT_RETRY, step: input.step.id },
        async (attempt) => {
          const attempts = attempt.details.errors + 1;
          const running = await saveRunningStep(deps, { ...input, type: 'sql', stepId: input.path, attempts });
          const warehouse = await pools.warehouse(input.connection as WarehouseConnectionPlan);
          await using session = await warehouse.session();
          const scope = await scopeOf(input, rows);
          const statement = { sql: input.step.sql, values: sqlValues(input.step.sql, scope) };
          const tools = { session, attempt, statement, store: deps.store };
          const result = await hidingRows(input.rows, scope, () => runStatement(input, tools));
          if (running) await deps.store.saveStep({ ...running, status: 'succeeded', endedAt: deps.wallClock() });
          return { attempts, ...result };
        },
      ),
  };
}

interface Tools {
  session: WarehouseSession;
  attempt: Attempt<StatementHandle>;
  statement: BoundSql;
  store: StateStore;
}

async function runStatement(input: SqlInput, tools: Tools): Promise<Omit<SqlResult, 'attempts'>> {
  const { step } = input;
  if (step.script) {
    await tools.session.script(tools.statement, optionsOf(input, tools.attempt));
    return { value: null, rows: null };
  }
  if (step.target?.kind === 'table') return writeTable(input, step.target, tools);
  if (step.target?.kind === 'variable' && step.target.multiple) return fillRowset(input, tools);
  return { value: await firstValue(input, tools), rows: null };
}

async function writeTable(input: SqlInput, target: TableTarget, { session, attempt, statement }: Tools) {
  const { rows } = await session.writeTable(statement, target, optionsOf(input, attempt));
  return { value: null, rows };
}

async function fillRowset(input: SqlInput, { session, attempt, statement, store }: Tools) {
  const known = await store.getRowset(input.rowset);
  // An earlier attempt published it and died before it could say so.
  if (known) return resultOf({ $rowset: known.id, rows: known.rows, columns: known.columns });
  await using result = await session.query(statement, optionsOf(input, attempt));
  const columns = result.columns.map((column) => column.name);
  const rowset = { runId: input.run.runId, columns, source: result.source };
  const writer = await store.writeRowset(input.rowset, rowset);
  try {
    for await (const rows of result.batches(writer.kept)) await writer.append(rows);
    const { id, rows } = await writer.publish();
    return resultOf({ $rowset: id, rows, columns });
  } catch (error) {
    // What came of a stored result stays, for the next attempt to go on after it.
    if (result.source === undefined) await writer.abort().catch(() => {});
    throw error;
  }
}

function resultOf(rowset: RowsetRef): Omit<SqlResult, 'attempts'> {
  return { value: { ...rowset }, rows: rowset.rows };
}

/** A single variable: the first row's first column; no row: null. */
async function firstValue(input: SqlInput, { session, attempt, statement }: Tools): Promise<Value> {
  await using result = await session.query(statement, optionsOf(input, attempt));
  for await (const [first] of result.batches()) {
    if (first !== undefined) return (decode(first) as Row)[0] ?? null;
  }
  return null;
}

function optionsOf(input: SqlInput, { cancel, work, details, keepHandle }: Attempt<StatementHandle>): StatementOptions {
  return {
    signal: cancel,
    timeoutMs: input.step.timeoutMs,
    tag: { run: input.run.runId, river: input.run.river, step: input.path },
    work,
    onHandle: keepHandle,
    resume: details.handle ?? undefined,
  };
}
