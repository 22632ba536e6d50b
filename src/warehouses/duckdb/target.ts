/** A query's result into a table of DuckDB. Runs inside a transaction that the session opens and commits. */
import { isNativeError } from 'node:util/types';
import type { DuckDBMaterializedResult } from '@duckdb/node-api';
import type { TableTarget } from '../../contracts/plan.ts';
import { keyColumn } from '../../core/iterators.ts';
import type { Value } from '../../core/values.ts';
import type { RenderedSql } from '../bound-sql.ts';
import { parseTableName, quoteName } from '../names.ts';
import { checkKeys } from '../target-errors.ts';
import type { StatementTag } from '../warehouse.ts';

export type Run = (text: string, binds?: readonly Value[]) => Promise<DuckDBMaterializedResult>;

export interface Application {
  run: Run;
  query: RenderedSql;
  target: TableTarget;
  tag: StatementTag;
}

/** Where a table is, each part quoted. */
interface Place {
  schema: string;
  table: string;
}

/** Marks of runs that have appended are kept this long; a run's own retries end long before. */
const MARK_DAYS = 30;
const STAGE = 'temp.main._upriver_stage';

export async function applyQuery(work: Application): Promise<number> {
  const place = await placeOf(work.run, work.target.table);
  await work.run(`CREATE SCHEMA IF NOT EXISTS ${place.schema}`);
  if (work.target.mode === 'overwrite') return count(await createAs(work, `CREATE OR REPLACE TABLE ${place.table}`));
  if (work.target.mode === 'append') return append(work, place);
  return merge(work, place);
}

async function append(work: Application, place: Place): Promise<number> {
  const marks = `${place.schema}._upriver_appends`;
  await work.run(
    `CREATE TABLE IF NOT EXISTS ${marks} (run VARCHAR, step VARCHAR, "table" VARCHAR, "rows" BIGINT, "at" TIMESTAMPTZ)`,
  );
  const mark: Value[] = [work.tag.run, work.tag.step, place.table];
  const earlier = await firstRow(
    await work.run(`SELECT "rows" FROM ${marks} WHERE run = $p1 AND step = $p2 AND "table" = $p3`, mark),
  );
  if (earlier) return Number(earlier[0]);
  const rows = await insert(work, place);
  await work.run(`DELETE FROM ${marks} WHERE "at" < now() - INTERVAL ${MARK_DAYS} DAY`);
  await work.run(`INSERT INTO ${marks} VALUES ($p1, $p2, $p3, $p4, now())`, [...mark, rows]);
  return rows;
}

/** A missing table is created with the query's own columns. */
async function insert(work: Application, place: Place): Promise<number> {
  if (!(await exists(work.run, place))) return count(await createAs(work, `CREATE TABLE ${place.table}`));
  const { text, binds } = work.query;
  return (await work.run(`INSERT INTO ${place.table} BY NAME ${text}`, binds)).rowsChanged;
}

async function merge(work: Application, place: Place): Promise<number> {
  const { run, target } = work;
  await createAs(work, `CREATE OR REPLACE TEMP TABLE _upriver_stage`);
  const columns = (await (await run(`SELECT name FROM pragma_table_info('${STAGE}')`)).getRows()).map((row) =>
    String(row[0]),
  );
  const key = target.key.map((name) => quoteName(keyColumn(name, columns)));
  const whole = `WHERE ${key.map((each) => `${each} IS NOT NULL`).join(' AND ')}`;
  const bad = await firstRow(
    await run(`SELECT count(*) - count(*) FILTER (${whole}),
      count(*) FILTER (${whole}) - count(DISTINCT (${key.join(', ')})) FILTER (${whole}), count(*) FROM ${STAGE}`),
  );
  checkKeys({ nulls: Number(bad?.[0]), duplicates: Number(bad?.[1]), key: target.key });
  await run(`CREATE TABLE IF NOT EXISTS ${place.table} AS SELECT * FROM ${STAGE} LIMIT 0`);
  const same = key.map((each) => `target.${each} = source.${each}`).join(' AND ');
  const update = columns.length > key.length ? 'WHEN MATCHED THEN UPDATE BY NAME' : '';
  await run(
    `MERGE INTO ${place.table} AS target USING ${STAGE} AS source ON ${same} ${update} WHEN NOT MATCHED THEN INSERT BY NAME`,
  );
  await run(`DROP TABLE ${STAGE}`);
  return Number(bad?.[2]);
}

function createAs(work: Application, create: string): Promise<DuckDBMaterializedResult> {
  return work.run(`${create} AS ${work.query.text}`, work.query.binds);
}

/** `A.B.C` is database, schema, table; `A.B` is read as DuckDB does: a schema, or else a database's main schema. */
async function placeOf(run: Run, table: string): Promise<Place> {
  const parts = parseTableName(table).map((part) => part.text);
  const name = quoteName(parts.pop() as string);
  const schema = await schemaOf(run, parts);
  return { schema, table: `${schema}.${name}` };
}

async function schemaOf(run: Run, parts: readonly string[]): Promise<string> {
  const [first, second] = parts;
  const current = await firstRow(await run('SELECT current_database(), current_schema()'));
  if (first === undefined) return `${quoteName(String(current?.[0]))}.${quoteName(String(current?.[1]))}`;
  if (second !== undefined) return `${quoteName(first)}.${quoteName(second)}`;
  const found = await firstRow(
    await run(
      `SELECT (SELECT count(*) FROM duckdb_schemas() WHERE database_name = current_database() AND lower(schema_name) = lower($p1)),
        (SELECT count(*) FROM duckdb_databases() WHERE lower(database_name) = lower($p1))`,
      [first],
    ),
  );
  const isDatabase = Number(found?.[0]) === 0 && Number(found?.[1]) > 0;
  return isDatabase ? `${quoteName(first)}.main` : `${quoteName(String(current?.[0]))}.${quoteName(first)}`;
}

async function exists(run: Run, place: Place): Promise<boolean> {
  try {
    await run(`SELECT 1 FROM ${place.table} LIMIT 0`);
    return true;
  } catch (error) {
    if (isNativeError(error) && error.message.startsWith('Catalog Error')) return false;
    throw error;
  }
}

async function count(result: DuckDBMaterializedResult): Promise<number> {
  return Number((await firstRow(result))?.[0] ?? 0);
}

async function firstRow(result: DuckDBMaterializedResult) {
  return (await result.getRows())[0];
}
