/**
 * A query's result into a table of Snowflake. Transactions there belong to a session, whose locks stay for hours when its
 * process dies. So none is ever held open from here: the table is changed by one statement, or by one request of
 * several, that Snowflake carries to its end by itself.
 */
import { createHash, randomUUID } from 'node:crypto';
import type { TableTarget } from '../../contracts/plan.ts';
import { UpriverError } from '../../core/errors.ts';
import { keyColumn } from '../../core/iterators.ts';
import type { RenderedSql } from '../bound-sql.ts';
import { parseTableName, quoteName } from '../names.ts';
import { checkKeys } from '../target-errors.ts';
import type { StatementTag } from '../warehouse.ts';
import { isMissingObject, isMissingSchema } from './errors.ts';
import type { RawRows, Running, Submission } from './running.ts';

export interface Application {
  running: Running;
  query: RenderedSql;
  target: TableTarget;
  tag: StatementTag;
}

/** Names, each part quoted. */
interface Place {
  /** null: the connection's own schema. */
  schema: string | null;
  table: string;
  /** Of this step's work on this table: the same in every attempt. Hexadecimal. */
  id: string;
  /** Holds the query's rows until they are in the table. */
  stage: string;
  stageName: string;
  marks: string;
}

/** Marks of runs that have appended are kept this long; a run's own retries end long before. */
const MARK_DAYS = 30;

export async function applyQuery(work: Application): Promise<number> {
  const place = placeOf(work.target.table, work.tag);
  if (work.target.mode === 'overwrite') return overwrite(work, place);
  const apply = work.target.mode === 'append' ? append : merge;
  try {
    const rows = await apply(work, place);
    await quick(work, `DROP TABLE IF EXISTS ${place.stage}`);
    return rows;
  } catch (error) {
    throw isMissingObject(error) && String(error).includes(place.stageName) ? overtaken(error) : error;
  }
}

/** Only who has got to the end drops the stage: an attempt that was given up, and was still alive. */
function overtaken(cause: unknown): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_CONFLICT', 'another attempt at this step has written its rows meanwhile', {
    hint: 'The step is tried again, and finds them there.',
    retry: true,
    cause,
  });
}

/** Grants on the table stay. */
async function overwrite(work: Application, place: Place): Promise<number> {
  await createAs(work, place, createOf('apply', `CREATE OR REPLACE TABLE ${place.table} COPY GRANTS AS`, work.query));
  return Number(await firstCell(work, `SELECT count(*) FROM ${place.table}`));
}

/** A missing table is created with the query's own columns. */
async function append(work: Application, place: Place): Promise<number> {
  if ((await work.running.takeOver('apply')) === null) {
    const columns = await stage(work, place);
    await quick(work, `CREATE TABLE IF NOT EXISTS ${place.table} AS SELECT * FROM ${place.stage} WHERE FALSE`);
    await quick(
      work,
      `CREATE TABLE IF NOT EXISTS ${place.marks}
        (mark VARCHAR, claim VARCHAR, counted NUMBER(38, 0), marked_at TIMESTAMP_LTZ)`,
    );
    await work.running.submit({
      part: 'apply',
      text: appendOnce(place, list(columns)),
      binds: [],
      parameters: { MULTI_STATEMENT_COUNT: 0 },
    });
  }
  return Number(await firstCell(work, `SELECT counted FROM ${place.marks} WHERE mark = '${place.id}'`));
}

/**
 * The mark comes first: claiming it locks the marks, so of two attempts at once the later waits for the earlier, finds its
 * mark, and inserts nothing. An attempt knows its own mark by the claim, so that is new each time.
 */
function appendOnce({ table, stage, marks, id }: Place, columns: string): string {
  const claim = randomUUID();
  return `BEGIN TRANSACTION;
MERGE INTO ${marks} AS m
  USING (SELECT '${id}' AS mark, '${claim}' AS claim, (SELECT count(*) FROM ${stage}) AS counted) AS s ON m.mark = s.mark
  WHEN NOT MATCHED THEN INSERT (mark, claim, counted, marked_at)
    VALUES (s.mark, s.claim, s.counted, current_timestamp());
INSERT INTO ${table} (${columns}) SELECT ${columns} FROM ${stage}
  WHERE EXISTS (SELECT 1 FROM ${marks} WHERE mark = '${id}' AND claim = '${claim}');
DELETE FROM ${marks} WHERE marked_at < dateadd('day', -${MARK_DAYS}, current_timestamp());
COMMIT`;
}

async function merge(work: Application, place: Place): Promise<number> {
  const earlier = await work.running.takeOver('apply');
  const query = earlier ?? (await submitMerge(work, place));
  // How many rows were inserted and how many updated.
  const [counts] = await work.running.rows(query);
  return (counts ?? []).reduce((sum, cell) => sum + Number(cell), 0);
}

async function submitMerge(work: Application, place: Place): Promise<string> {
  const columns = await stage(work, place);
  const key = work.target.key.map((name) => keyColumn(name, columns));
  await checkStagedKeys(work, place, key);
  await quick(work, `CREATE TABLE IF NOT EXISTS ${place.table} AS SELECT * FROM ${place.stage} WHERE FALSE`);
  const others = columns.filter((column) => !key.includes(column)).map(quoteName);
  const same = key.map((column) => `t.${quoteName(column)} = s.${quoteName(column)}`).join(' AND ');
  const update = others.map((column) => `${column} = s.${column}`).join(', ');
  return work.running.submit({
    part: 'apply',
    text: `MERGE INTO ${place.table} AS t USING ${place.stage} AS s ON ${same}
  ${update === '' ? '' : `WHEN MATCHED THEN UPDATE SET ${update}`}
  WHEN NOT MATCHED THEN INSERT (${list(columns)}) VALUES (${columns.map((column) => `s.${quoteName(column)}`).join(', ')})`,
    binds: [],
  });
}

async function checkStagedKeys(work: Application, place: Place, key: readonly string[]): Promise<void> {
  const whole = key.map((column) => `${quoteName(column)} IS NOT NULL`).join(' AND ');
  const [found] = await quick(
    work,
    `SELECT coalesce(sum(n), 0) - coalesce(sum(CASE WHEN w THEN n END), 0), coalesce(sum(CASE WHEN w THEN n - 1 END), 0)
      FROM (SELECT ${whole} AS w, count(*) AS n FROM ${place.stage} GROUP BY ${list(key)})`,
  );
  checkKeys({ nulls: Number(found?.[0]), duplicates: Number(found?.[1]), key: work.target.key });
}

/** Transient, not temporary: a later attempt, in a session of its own, must find it. Returns its columns. */
async function stage(work: Application, place: Place): Promise<string[]> {
  const submission = createOf('stage', `CREATE OR REPLACE TRANSIENT TABLE ${place.stage} AS`, work.query);
  await createAs(work, place, submission);
  try {
    return await stagedColumns(work, place);
  } catch (error) {
    // An earlier attempt got to the end, dropped it, and died before it could say so.
    if (!isMissingObject(error)) throw error;
    await work.running.submit(submission);
    return stagedColumns(work, place);
  }
}

/** On the query's own first line, so that the lines of its errors are the user's. */
function createOf(part: string, create: string, { text, binds }: RenderedSql): Submission {
  return { part, text: `${create} ${text}`, binds };
}

async function createAs(work: Application, place: Place, submission: Submission): Promise<void> {
  try {
    await work.running.run(submission);
  } catch (error) {
    // Not created beforehand: a role may be allowed to fill a schema and not to make one.
    if (place.schema === null || !isMissingSchema(error)) throw error;
    await quick(work, `CREATE SCHEMA IF NOT EXISTS ${place.schema}`);
    await work.running.submit(submission);
  }
}

async function stagedColumns(work: Application, place: Place): Promise<string[]> {
  return work.running.columns({ text: `SELECT * FROM ${place.stage} WHERE FALSE`, binds: [] });
}

function placeOf(name: string, tag: StatementTag): Place {
  const parts = parseTableName(name).map((part) => quoteName(part.quoted ? part.text : part.text.toUpperCase()));
  const table = parts.join('.');
  const schema = parts.length > 1 ? parts.slice(0, -1).join('.') : null;
  const within = (each: string) => (schema === null ? quoteName(each) : `${schema}.${quoteName(each)}`);
  const id = createHash('sha256')
    .update(JSON.stringify([tag.run, tag.step, table]))
    .digest('hex');
  const stageName = `_UPRIVER_STAGE_${id.slice(0, 16).toUpperCase()}`;
  return { schema, table, id, stage: within(stageName), stageName, marks: within('_UPRIVER_APPENDS') };
}

function list(columns: readonly string[]): string {
  return columns.map(quoteName).join(', ');
}

function quick(work: Application, text: string): Promise<RawRows> {
  return work.running.quick({ text, binds: [] });
}

async function firstCell(work: Application, text: string): Promise<string | null> {
  return (await quick(work, text))[0]?.[0] ?? null;
}
