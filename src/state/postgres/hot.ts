/** The hot statements on PostgreSQL: one round trip for a commit, few for permits. */
import type pg from 'pg';
import { LOOP_TABLES, type LoopChange, type LoopTable } from '../commit.ts';
import type { Statement } from '../engine.ts';
import { type FoundHashes, packFound, unpack } from '../hashes.ts';
import { type PermitCall, type PermitResult, permitProgram } from '../permits.ts';

const ARRAY_TYPES = { integer: 'bigint[]', text: 'text[]', bytes: 'bytea[]' } as const;

/** Prepared once per connection, by the text's own name. */
const names = new Map<string, string>();

/**
 * One statement, so that it is applied whole or not at all in one round trip, and no lock outlives it: a fence
 * (the loop's line, if the epoch is still ours), the writer's number (if not applied before), then all rows.
 */
export async function commitLoop(pool: pg.Pool, change: LoopChange): Promise<boolean> {
  const query = new Query();
  query.add(`fence AS (SELECT num FROM upriver.loops
    WHERE run_id = ${query.param(change.runId)} AND path = ${query.param(change.path)} AND epoch = ${query.param(change.epoch)}
    FOR NO KEY UPDATE)`);
  query.add(freshPart(query, change));
  query.add(`counted AS (UPDATE upriver.loops SET requests = requests + ${query.param(change.requests)}::bigint
    FROM fresh WHERE num = fresh.loop)`);
  for (const { table, rows } of change.upserts) addUpsert(query, LOOP_TABLES[table], rows);
  if (change.progressDone.length > 0) {
    query.add(`done AS (DELETE FROM upriver.loop_progress USING fresh
      WHERE loop_progress.loop = fresh.loop AND "row" = ANY(${query.param(change.progressDone)}::bigint[]))`);
  }
  if (change.delivered) addDelivered(query, change.delivered);
  const { rows } = await pool.query(query.prepared('SELECT num FROM fence'));
  return rows.length > 0;
}

export async function lookupDelivered(pool: pg.Pool, scope: number, keys: Uint8Array): Promise<FoundHashes> {
  // A look-up per key, whatever the planner thinks of a table it has not analysed yet.
  const text = `SELECT (SELECT hash FROM upriver.delivered WHERE scope = $1 AND key = asked.key) AS hash
    FROM unnest($2::bytea[]) WITH ORDINALITY AS asked (key, at) ORDER BY asked.at`;
  const { rows } = await pool.query({ name: nameOf(text), text, values: [scope, unpack(keys)] });
  return packFound(rows.map((row) => row.hash));
}

/** The time is read under the lock, if there is one. */
export async function runPermits<C extends PermitCall>(
  client: pg.PoolClient,
  call: C,
  now: number | null,
): Promise<PermitResult<C>> {
  const alone = aloneBy(call);
  const lock = alone === null ? [] : [client.query('SELECT pg_advisory_xact_lock(hashtextextended($1, 0))', [alone])];
  const clock = client.query('SELECT floor(extract(epoch FROM clock_timestamp()) * 1000) AS now');
  const [time] = await Promise.all([clock, ...lock]);
  const program = permitProgram(call, { now: now ?? time.rows[0].now, schema: 'upriver.' });
  let step = program.next();
  while (!step.done) {
    const results = await Promise.all(
      step.value.map((statement) => client.query(positional(statement), [...statement.params])),
    );
    step = program.next(results.map((result) => result.rows));
  }
  return step.value;
}

/** What is decided by what is there is decided by one at a time: who takes permits of a connection, who notes a window's use. */
function aloneBy(call: PermitCall): string | null {
  if (call.kind === 'take') return call.request.connection;
  return call.kind === 'foreign' ? call.window.id : null;
}

/** A statement made of named parts, and its parameters. */
class Query {
  readonly #parts: string[] = [];
  readonly #values: unknown[] = [];

  add(part: string): void {
    this.#parts.push(part);
  }

  param(value: unknown): string {
    return `$${this.#values.push(value)}`;
  }

  prepared(select: string): { name: string; text: string; values: unknown[] } {
    const text = `WITH ${this.#parts.join(',\n')} ${select}`;
    return { name: nameOf(text), text, values: this.#values };
  }
}

/** The loop, unless the writer's commit was applied before: its answer was lost, or its first packet comes late. */
function freshPart(query: Query, { seq }: LoopChange): string {
  if (!seq) return 'fresh AS (SELECT num AS loop FROM fence)';
  return `fresh AS (INSERT INTO upriver.loop_writers AS last (loop, writer, number)
    SELECT num, ${query.param(seq.writer)}, ${query.param(seq.number)}::bigint FROM fence
    ON CONFLICT (loop, writer) DO UPDATE SET number = excluded.number WHERE excluded.number > last.number
    RETURNING loop)`;
}

function addUpsert(query: Query, table: LoopTable, rows: LoopChange['upserts'][number]['rows']): void {
  const [key = '', ...others] = table.columns.map((column) => `"${column.name}"`);
  // One statement cannot write a row twice: the last of a key counts.
  const last = [...new Map(rows.map((row) => [row[0], row])).values()];
  const arrays = table.columns.map(
    (column, index) => `${query.param(last.map((row) => row[index]))}::${ARRAY_TYPES[column.type]}`,
  );
  query.add(`${table.name} AS (INSERT INTO upriver.${table.name} (loop, ${[key, ...others].join(', ')})
    SELECT fresh.loop, given.* FROM fresh, unnest(${arrays.join(', ')}) AS given
    ON CONFLICT (loop, ${key}) DO UPDATE SET ${others.map((column) => `${column} = excluded.${column}`).join(', ')})`);
}

function addDelivered(query: Query, { scope, keys, hashes }: NonNullable<LoopChange['delivered']>): void {
  const values = unpack(hashes);
  const last = new Map(
    unpack(keys).map((key, index) => [Buffer.from(key).toString('latin1'), { key, hash: values[index] }]),
  );
  const pairs = [...last.values()];
  query.add(`delivered AS (INSERT INTO upriver.delivered (scope, key, hash)
    SELECT ${query.param(scope)}::bigint, given.* FROM fresh,
      unnest(${query.param(pairs.map((pair) => pair.key))}::bytea[], ${query.param(pairs.map((pair) => pair.hash))}::bytea[]) AS given
    ON CONFLICT (scope, key) DO UPDATE SET hash = excluded.hash)`);
}

function nameOf(text: string): string {
  const name = names.get(text) ?? `upriver_${names.size}`;
  names.set(text, name);
  return name;
}

/** Permit statements are shared with SQLite and written with `?`. */
function positional({ sql }: Statement): string {
  let count = 0;
  return sql.replaceAll('?', () => `$${++count}`);
}
