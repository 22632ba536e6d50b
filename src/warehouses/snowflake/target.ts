/**
 * A query's result into a table of Snowflake. Transactions there belong to a session, and a session dies with its
 * process while its locks stay. So no transaction is ever held open from here: each target is one statement, or one
 * request of several, that Snowflake carries to its end by itself.
 */
import { createHash } from 'node:crypto';
import type { TableTarget } from '../../contracts/plan.ts';
import { UpriverError } from '../../core/errors.ts';
import type { RenderedSql } from '../bound-sql.ts';
import { parseTableName, quoteName } from '../names.ts';
import { checkKeys, missingKeyColumn } from '../target-errors.ts';
import type { StatementTag } from '../warehouse.ts';
import { isMissingSchema } from './errors.ts';
import type { Running } from './running.ts';

export interface Application {
  running: Running;
  query: RenderedSql;
  target: TableTarget;
  tag: StatementTag;
  /** Whether an earlier attempt has submitted the part that changes the table: then the query's rows are staged already. */
  staged: boolean;
}

/** Names, each part quoted. */
interface Place {
  /** Empty: the connection's own schema. */
  schema: string;
  table: string;
  /** Holds the query's rows until they are in the table. The same in every attempt of the same step. */
  stage: string;
  marks: string;
}

/** Marks of runs that have appended are kept this long; a run's own retries end long before. */
const MARK_DAYS = 30;

export async function applyQuery(work: Application): Promise<number> {
  const place = placeOf(work.target.table, work.tag);
  if (work.target.mode === 'overwrite') return overwrite(work, place);
  if (!work.staged) await createAs(work, place, { part: 'stage', create: `CREATE OR REPLACE TRANSIENT TABLE ${place.stage} AS` });
  const rows = await (work.target.mode === 'append' ? append(work, place) : merge(work, place));
  await statement(work, `DROP TABLE IF EXISTS ${place.stage}`);
  return rows;
}

/** Grants on the table stay. */
async function overwrite(work: Application, place: Place): Promise<number> {
  await createAs(work, place, { part: 'apply', create: `CREATE OR REPLACE TABLE ${place.table} COPY GRANTS AS` });
  return count(await statement(work, `SELECT count(*) FROM ${place.table}`));
}

/**
 * The mark is claimed first: that locks the marks, so that of two attempts at once the later waits for the earlier, finds
 * its mark, and inserts nothing. An attempt knows its own mark by the claim.
 */
async function append(work: Application, place: Place): Promise<number> {
  const { run, step } = work.tag;
  const mark = [run, step, place.table];
  if (!work.staged) {
    await statement(work, `CREATE TABLE IF NOT EXISTS ${place.table} AS SELECT * FROM ${place.stage} WHERE FALSE`);
    await statement(
      work,
      `CREATE TABLE IF NOT EXISTS ${place.marks} (run VARCHAR, step VARCHAR, target VARCHAR, claim VARCHAR, counted NUMBER(38, 0), at TIMESTAMP_LTZ)`,
    );
    const columns = await columnList(work, place.stage);
    const claim = createHash('sha256').update(`${mark.join('\0')}\0${performance.timeOrigin + performance.now()}`).digest('hex');
    await work.running.run({
      part: 'apply',
      text: `BEGIN;
MERGE INTO ${place.marks} AS m USING (SELECT :1 AS run, :2 AS step, :3 AS target, :4 AS claim, (SELECT count(*) FROM ${place.stage}) AS counted) AS s
  ON m.run = s.run AND m.step = s.step AND m.target = s.target
  WHEN NOT MATCHED THEN INSERT (run, step, target, claim, counted, at) VALUES (s.run, s.step, s.target, s.claim, s.counted, current_timestamp());
INSERT INTO ${place.table} (${columns}) SELECT ${columns} FROM ${place.stage}
  WHERE EXISTS (SELECT 1 FROM ${place.marks} WHERE run = :1 AND step = :2 AND target = :3 AND claim = :4);
DELETE FROM ${place.marks} WHERE at < dateadd('day', -${MARK_DAYS}, current_timestamp());
COMMIT`,
      binds: [...mark, claim],
      parameters: { MULTI_STATEMENT_COUNT: 0 },
    });
  }
  return count(await statement(work, `SELECT counted FROM ${place.marks} WHERE run = :1 AND step = :2 AND target = :3`, mark));
}
