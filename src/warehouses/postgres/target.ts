/**
 * A staged result into a table of PostgreSQL, inside the session's transaction. The query has run into a temporary table
 * by then, so that the target is locked only while rows are copied.
 */
import type pg from 'pg';
import type { TableTarget } from '../../contracts/plan.ts';
import { UpriverError } from '../../core/errors.ts';
import { keyColumn } from '../../core/iterators.ts';
import { parseTableName, quoteName } from '../names.ts';
import { checkKeys } from '../target-errors.ts';
import type { StatementTag } from '../warehouse.ts';

export type Run = (text: string, values?: readonly unknown[]) => Promise<pg.QueryResult>;

export interface Application {
  run: Run;
  target: TableTarget;
  tag: StatementTag;
}

/** Goes before the query. */
export const CREATE_STAGE = 'CREATE TEMP TABLE _upriver_stage ON COMMIT DROP AS ';
const STAGE = 'pg_temp._upriver_stage';
/** Marks of runs that have appended are kept this long; a run's own retries end long before. */
const MARK_DAYS = 30;

interface Column {
  name: string;
  type: string;
}

/** Where the table is, each part quoted. */
interface Place {
  schema: string;
  table: string;
  name: string;
}

export async function applyStage(work: Application): Promise<number> {
  const { run, target } = work;
  const place = await placeOf(run, target.table);
  await lock(run, place.table);
  if (target.mode === 'append') return append(work, place);
  const columns = await columnsOf(run, STAGE);
  if (target.mode === 'merge') return merge(work, place, columns);
  return overwrite(run, place, columns);
}

/** The same columns: the table stays and its rows are exchanged, so that its grants, indexes and views stay too. */
async function overwrite(run: Run, place: Place, columns: readonly Column[]): Promise<number> {
  if (!(await exists(run, place.table))) return create(run, place.table);
  if (JSON.stringify(await columnsOf(run, place.table)) === JSON.stringify(columns)) {
    await run(`TRUNCATE ${place.table}`);
    return insert(run, place, columns);
  }
  const fresh = `${place.schema}._upriver_new`;
  const rows = await create(run, fresh);
  await run(await grantsOf(run, place.table, fresh));
  await run(`DROP TABLE ${place.table}`);
  await run(`ALTER TABLE ${fresh} RENAME TO ${place.name}`);
  return rows;
}

async function append({ run, tag }: Application, place: Place): Promise<number> {
  const marks = `${place.schema}._upriver_appends`;
  if (!(await exists(run, marks))) {
    await lock(run, marks);
    await run(`CREATE TABLE IF NOT EXISTS ${marks}
      (run text, step text, "table" text, "rows" bigint, "at" timestamptz, PRIMARY KEY (run, step, "table"))`);
  }
  const mark = [tag.run, tag.step, place.name];
  // Waits for an attempt that has been given up and is still at it; the rows tell then.
  const { rowCount } = await run(`INSERT INTO ${marks} VALUES ($1, $2, $3, 0, now()) ON CONFLICT DO NOTHING`, mark);
  const same = 'run = $1 AND step = $2 AND "table" = $3';
  if (rowCount === 0) return Number((await run(`SELECT "rows" FROM ${marks} WHERE ${same}`, mark)).rows[0]?.rows);
  const rows = (await exists(run, place.table))
    ? await insert(run, place, await columnsOf(run, STAGE))
    : await create(run, place.table);
  await run(`UPDATE ${marks} SET "rows" = $4 WHERE ${same}`, [...mark, rows]);
  await run(`DELETE FROM ${marks} WHERE "at" < now() - interval '${MARK_DAYS} days'`);
  return rows;
}

async function merge({ run, target }: Application, place: Place, columns: readonly Column[]): Promise<number> {
  const names = columns.map((column) => column.name);
  const key = target.key.map((name) => keyColumn(name, names));
  const rows = await checkStage(run, target, key);
  if (!(await exists(run, place.table))) return create(run, place.table);
  await run(`ANALYZE ${STAGE}`);
  const keys = key.map(quoteName);
  const others = columns.flatMap(({ name }) => (key.includes(name) ? [] : [quoteName(name)]));
  if (await hasUniqueIndex(run, place, key)) {
    const update = `UPDATE SET ${others.map((name) => `${name} = excluded.${name}`).join(', ')}`;
    await insert(run, place, columns, `ON CONFLICT (${keys}) DO ${others.length > 0 ? update : 'NOTHING'}`);
    return rows;
  }
  // Without a unique index only a lock keeps two merges from inserting the same key.
  await run(`LOCK TABLE ${place.table} IN SHARE ROW EXCLUSIVE MODE`);
  const same = keys.map((name) => `target.${name} = source.${name}`).join(' AND ');
  if (others.length > 0) {
    const set = others.map((name) => `${name} = source.${name}`).join(', ');
    await run(`UPDATE ${place.table} AS target SET ${set} FROM ${STAGE} AS source WHERE ${same}`);
  }
  await insert(
    run,
    place,
    columns,
    '',
    `AS source WHERE NOT EXISTS (SELECT FROM ${place.table} AS target WHERE ${same})`,
  );
  return rows;
}

async function checkStage(run: Run, target: TableTarget, key: readonly string[]): Promise<number> {
  const keys = key.map(quoteName);
  const whole = `WHERE ${keys.map((name) => `${name} IS NOT NULL`).join(' AND ')}`;
  const { rows } = await run(`SELECT count(*) AS "rows", count(*) - count(*) FILTER (${whole}) AS nulls,
    count(*) FILTER (${whole}) - count(DISTINCT (${keys})) FILTER (${whole}) AS duplicates FROM ${STAGE}`);
  checkKeys({ nulls: Number(rows[0].nulls), duplicates: Number(rows[0].duplicates), key: target.key });
  return Number(rows[0].rows);
}

async function create(run: Run, table: string): Promise<number> {
  return (await run(`CREATE TABLE ${table} AS TABLE ${STAGE}`)).rowCount ?? 0;
}

/** By column name. */
async function insert(run: Run, place: Place, columns: readonly Column[], after = '', where = ''): Promise<number> {
  const names = columns.map(({ name }) => quoteName(name)).join(', ');
  const { rowCount } = await run(
    `INSERT INTO ${place.table} (${names}) SELECT ${names} FROM ${STAGE} ${where} ${after}`,
  );
  return rowCount ?? 0;
}

/** `A.B.C` is database, schema, table, and the database must be the connection's own. Makes a schema that is not there. */
async function placeOf(run: Run, table: string): Promise<Place> {
  const [name, schema, database] = parseTableName(table)
    .map(({ text, quoted }) => (quoted ? text : text.toLowerCase()))
    .reverse();
  const { rows } = await run(
    `SELECT current_database() AS database, coalesce($1, current_schema()) AS schema,
      EXISTS (SELECT FROM pg_namespace WHERE nspname = coalesce($1, current_schema())) AS found`,
    [schema ?? null],
  );
  const here = rows[0] as { database: string; schema: string | null; found: boolean };
  if (database !== undefined && database !== here.database) throw otherDatabase(table, here.database);
  if (here.schema === null) throw noSchema(table);
  const quoted = quoteName(here.schema);
  if (!here.found) {
    await lock(run, quoted);
    await run(`CREATE SCHEMA IF NOT EXISTS ${quoted}`);
  }
  return { schema: quoted, table: `${quoted}.${quoteName(name as string)}`, name: quoteName(name as string) };
}

async function exists(run: Run, table: string): Promise<boolean> {
  return (await run('SELECT to_regclass($1) IS NOT NULL AS found', [table])).rows[0].found;
}

/** Until the transaction ends: two steps that make or fill the same thing go one after the other. */
async function lock(run: Run, name: string): Promise<void> {
  await run("SELECT pg_advisory_xact_lock(hashtextextended('upriver ' || $1, 0))", [name]);
}

async function columnsOf(run: Run, table: string): Promise<Column[]> {
  const { rows } = await run(
    `SELECT attname AS name, format_type(atttypid, atttypmod) AS type FROM pg_attribute
      WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum`,
    [table],
  );
  return rows;
}

/** A unique index over just these columns, of whatever order, that holds for every row. */
async function hasUniqueIndex(run: Run, place: Place, key: readonly string[]): Promise<boolean> {
  const { rows } = await run(
    `SELECT FROM pg_index WHERE indrelid = $1::regclass AND indisunique AND indimmediate AND indisvalid
      AND indpred IS NULL AND indexprs IS NULL AND indnkeyatts = $2
      AND (SELECT count(*) FROM pg_attribute WHERE attrelid = indrelid AND attname = ANY ($3)
           AND attnum = ANY ((indkey::int2[])[0:indnkeyatts - 1])) = $2`,
    [place.table, key.length, key],
  );
  return rows.length > 0;
}

/** Statements that give one table another's owner and grants. */
async function grantsOf(run: Run, from: string, to: string): Promise<string> {
  const { rows } = await run(
    `SELECT format('ALTER TABLE %s OWNER TO %I', $2::text, pg_get_userbyid(relowner)) AS sql
       FROM pg_class WHERE oid = $1::regclass AND relowner <> current_user::regrole
     UNION ALL
     SELECT format('GRANT %s ON %s TO %s%s', privilege_type, $2::text,
         CASE grantee WHEN 0 THEN 'PUBLIC' ELSE quote_ident(pg_get_userbyid(grantee)) END,
         CASE WHEN is_grantable THEN ' WITH GRANT OPTION' ELSE '' END)
       FROM pg_class, aclexplode(relacl) WHERE oid = $1::regclass`,
    [from, to],
  );
  return rows.map((row) => row.sql).join('; ');
}

function otherDatabase(table: string, database: string): UpriverError {
  return new UpriverError(
    'RIVER_SQL_TABLE_NAME',
    `"${table}" names another database than the connection's (${database})`,
    {
      hint: 'PostgreSQL reaches one database per connection: leave the first part out, or make a connection to that database.',
    },
  );
}

function noSchema(table: string): UpriverError {
  return new UpriverError(
    'RIVER_SQL_TABLE_NAME',
    `"${table}" has no schema, and the search path has none that exists`,
    {
      hint: 'Write schema.table, or set `schema` on the connection.',
    },
  );
}
