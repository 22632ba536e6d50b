/** The PostgreSQL engine: a pool of pipelined connections; tables live in the schema `upriver`. */
import { PostgresAdapter, PostgresQueryCompiler } from 'kysely';
import pg from 'pg';
import { type Engine, kyselyOver, type Result, type Statement } from '../engine.ts';
import { stateError } from '../errors.ts';
import { type ColumnTypes, compileMigrations } from '../migrations.ts';
import { postgresError } from './errors.ts';
import { commitLoop, lookupDelivered, runPermits } from './hot.ts';

const TYPES: ColumnTypes = { integer: 'bigint', bytes: 'bytea', identity: 'identity', clustered: false };
const SCHEMA = 'upriver';
const CONNECTIONS_MAX = 8;
const CONNECT_TIMEOUT_MS = 5_000;
/** A server that does not answer for so long is taken for gone. */
const ANSWER_TIMEOUT_MS = 30_000;
/** Any number, the same in every version: who brings the schema up to date holds this advisory lock. */
const MIGRATION_LOCK = 7_283_946_120;

export async function openPostgres(url: string): Promise<Engine> {
  const pool = openPool(url);
  const parts = { adapter: new PostgresAdapter(), compiler: new PostgresQueryCompiler() };
  const attempt = <T>(work: () => Promise<T>): Promise<T> =>
    work().catch((cause) => Promise.reject(postgresError(cause)));
  const db = kyselyOver((statement) => attempt(() => run(pool, statement)), parts).withSchema(SCHEMA);
  await attempt(() => migrate(pool, compileMigrations(db, TYPES))).catch(async (error) => {
    await pool.end();
    throw error;
  });
  return {
    db,
    batch: (statements) =>
      attempt(() => transaction(pool, (client) => Promise.all(statements.map((each) => run(client, each))))),
    commit: (change) => attempt(() => commitLoop(pool, change)),
    lookup: (scope, keys) => attempt(() => lookupDelivered(pool, scope, keys)),
    permits: (call, now) => attempt(() => transaction(pool, (client) => runPermits(client, call, now))),
    facts: () => attempt(() => facts(pool)),
    close: () => pool.end(),
  };
}

/**
 * One transaction on one connection. A process that is stopped half-way does not keep its locks: the server ends a
 * transaction left idle. A connection on which anything failed is not used again.
 */
async function transaction<T>(pool: pg.Pool, work: (client: pg.PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  try {
    const begun = client.query("BEGIN; SET LOCAL idle_in_transaction_session_timeout = '5s'");
    const [result] = await Promise.all([work(client), begun]);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    client.release(true);
    throw error;
  }
}

function openPool(url: string): pg.Pool {
  const pool = new pg.Pool({
    ...connectionOptions(url),
    max: CONNECTIONS_MAX,
    connectionTimeoutMillis: CONNECT_TIMEOUT_MS,
    query_timeout: ANSWER_TIMEOUT_MS,
    keepAlive: true,
    application_name: 'upriver',
    allowExitOnIdle: true,
    types: { getTypeParser },
    pipeline: true,
  });
  // An idle connection that breaks is replaced at the next query, which has its own error if that fails.
  pool.on('error', () => {});
  return pool;
}

function connectionOptions(url: string): pg.PoolConfig {
  if (!URL.canParse(url)) throw stateError('STATE_URL', 'state.url cannot be read');
  return { connectionString: url };
}

/** int8 and numeric (counts, sums, times) are numbers here: none of them comes near 2^53. */
function getTypeParser(oid: number, format?: 'text' | 'binary') {
  if (oid === pg.types.builtins.INT8 || oid === pg.types.builtins.NUMERIC) return Number;
  return pg.types.getTypeParser(oid, format as 'text');
}

async function run(client: pg.Pool | pg.PoolClient, { sql, params }: Statement): Promise<Result> {
  const { rows, rowCount } = await client.query(sql, [...params]);
  return { rows, changes: rowCount ?? 0 };
}

async function migrate(pool: pg.Pool, migrations: readonly (readonly string[])[]): Promise<void> {
  if ((await versionOf(pool)) === migrations.length) return;
  await transaction(pool, async (client) => {
    await client.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
    const version = await versionOf(client);
    if (version > migrations.length)
      throw stateError('STATE_NEWER', `the state store has schema ${version}, this upriver knows ${migrations.length}`);
    if (version === 0)
      await client.query(
        `CREATE SCHEMA IF NOT EXISTS ${SCHEMA}; CREATE TABLE ${SCHEMA}.schema_version (version integer NOT NULL); INSERT INTO ${SCHEMA}.schema_version VALUES (0)`,
      );
    for (const sql of migrations.slice(version).flat()) await client.query(sql);
    await client.query(`UPDATE ${SCHEMA}.schema_version SET version = $1`, [migrations.length]);
  });
}

/** 0: nothing is there yet. Reads the catalogue's table: `to_regclass` may answer from before the lock was waited for. */
async function versionOf(client: pg.Pool | pg.PoolClient): Promise<number> {
  const { rowCount } = await client.query(
    `SELECT 1 FROM pg_tables WHERE schemaname = '${SCHEMA}' AND tablename = 'schema_version'`,
  );
  if (rowCount === 0) return 0;
  return (await client.query(`SELECT version FROM ${SCHEMA}.schema_version`)).rows[0]?.version ?? 0;
}

async function facts(pool: pg.Pool): Promise<Record<string, string>> {
  const { rows } = await pool.query(
    `SELECT current_setting('server_version') AS version, current_database() AS database, current_user AS user,
            (SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
              WHERE n.nspname = $1 AND c.relkind = 'r') AS size`,
    [SCHEMA],
  );
  const { version, database, user, size } = rows[0];
  return { engine: 'PostgreSQL', version, schema: String(await versionOf(pool)), size: String(size), database, user };
}
