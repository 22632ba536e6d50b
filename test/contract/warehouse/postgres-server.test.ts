/** What is PostgreSQL's own: grants and indexes of targets, errors of the server and the network, cancelling, the pool. */
import { once } from 'node:events';
import { createServer } from 'node:net';
import pg from 'pg';
import type { TableTarget } from '../../../src/contracts/plan.ts';
import { parseSql } from '../../../src/core/sql-template.ts';
import type { Value } from '../../../src/core/values.ts';
import {
  openWarehouse,
  type StatementOptions,
  type Warehouse,
  type WarehouseSession,
} from '../../../src/warehouses/index.ts';
import { type Postgres, startPostgres } from '../../helpers/postgres.ts';
import { TEST_CERTIFICATE, TEST_KEY } from './tls-material.ts';

let server: Postgres;
let url: string;
let admin: pg.Client;
let warehouse: Warehouse;
let session: WarehouseSession;

beforeAll(async () => {
  server = await startPostgres();
});
afterAll(() => server.stop());
beforeEach(async () => {
  url = await server.freshDatabase();
  admin = new pg.Client({ connectionString: url });
  await admin.connect();
  warehouse = await open({ url });
  session = await warehouse.session();
});
afterEach(async () => {
  await session[Symbol.asyncDispose]();
  await warehouse[Symbol.asyncDispose]();
  await admin.end();
});

const open = (config: Record<string, unknown>) => openWarehouse('postgres', { name: 'pg', projectDir: '.', config });
const options = (change: Partial<StatementOptions> = {}): StatementOptions => ({
  signal: new AbortController().signal,
  timeoutMs: null,
  tag: { run: 'run', river: 'river', step: 'step' },
  ...change,
});
const target = (table: string, mode: TableTarget['mode'] = 'overwrite', key: string[] = []): TableTarget => ({
  kind: 'table',
  table,
  mode,
  key,
});
const bound = (text: string, values: { [name: string]: Value } = {}) => ({ sql: parseSql(text, 'postgres'), values });
const write = (text: string, to: TableTarget, change?: Partial<StatementOptions>) =>
  session.writeTable(bound(text), to, options(change));
const read = (text: string, values?: { [name: string]: Value }) => readIn(session, text, values);

async function readIn(
  inSession: WarehouseSession,
  text: string,
  values?: { [name: string]: Value },
): Promise<string[]> {
  await using result = await inSession.query(bound(text, values), options());
  return (await Array.fromAsync(result.batches())).flat();
}

async function grants(table: string): Promise<string[]> {
  const { rows } = await admin.query(
    `SELECT grantee || ' ' || privilege_type AS entry FROM information_schema.role_table_grants
      WHERE table_name = $1 AND grantee LIKE 'reader%' ORDER BY 1`,
    [table],
  );
  return rows.map((row) => row.entry);
}

describe('targets', () => {
  beforeEach(async () => {
    await admin.query(`DROP ROLE IF EXISTS reader; CREATE ROLE reader`);
    await admin.query(`CREATE TABLE sales (id int PRIMARY KEY, amount numeric(10, 2));
      INSERT INTO sales VALUES (1, 1.5); GRANT SELECT, UPDATE ON sales TO reader`);
  });
  afterEach(() => admin.query('DROP OWNED BY reader; DROP ROLE reader'));

  test('overwrite with the same columns keeps grants, indexes and views', async () => {
    await admin.query('CREATE VIEW totals AS SELECT sum(amount) AS total FROM sales');
    const query = 'select i as id, (i * 2)::numeric(10, 2) as amount from generate_series(1, 3) as s(i)';
    expect(await write(query, target('sales'))).toEqual({ rows: 3 });
    expect(await read('select total from totals')).toEqual(['[12]']);
    expect(await grants('sales')).toEqual(['reader SELECT', 'reader UPDATE']);
    await expect(
      write('select 1 as id, cast(i as numeric(10, 2)) as amount from generate_series(1, 2) as s(i)', target('sales')),
    ).rejects.toMatchObject({
      code: 'RIVER_SQL_ERROR',
      message: expect.stringContaining('sales_pkey'),
    });
  });

  test('overwrite with other columns keeps grants', async () => {
    await write('select 7 as other', target('sales'));
    expect(await read('select * from sales')).toEqual(['[7]']);
    expect(await grants('sales')).toEqual(['reader SELECT', 'reader UPDATE']);
  });

  test('overwrite with other columns under a view is refused and changes nothing', async () => {
    await admin.query('CREATE VIEW totals AS SELECT sum(amount) AS total FROM sales');
    await expect(write('select 7 as other', target('sales'))).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR' });
    expect(await read('select total from totals')).toEqual(['[1.5]']);
  });

  test('merge uses a unique index where there is one, and does without', async () => {
    await admin.query(
      'CREATE TABLE plain AS TABLE sales; CREATE TABLE wide (id int, amount numeric, UNIQUE (amount) INCLUDE (id))',
    );
    const query = 'select i as id, i * 10 as amount from generate_series(1, 2) as s(i)';
    for (const table of ['sales', 'plain', 'wide']) {
      expect(await write(query, target(table, 'merge', ['ID']))).toEqual({ rows: 2 });
      expect(await write(query, target(table, 'merge', ['ID']))).toEqual({ rows: 2 });
      expect(await read(`select id, amount from ${table} order by id`)).toEqual(['[1,10]', '[2,20]']);
    }
  });

  test('steps that append to one new table at the same moment', async () => {
    const sessions = await Promise.all(Array.from({ length: 5 }, () => warehouse.session()));
    const appends = sessions.map((each, index) =>
      each.writeTable(
        bound('select 1 as a'),
        target('fresh.many', 'append'),
        options({ tag: { run: `run-${index}`, river: 'r', step: 's' } }),
      ),
    );
    expect(await Promise.all(appends)).toEqual(sessions.map(() => ({ rows: 1 })));
    await Promise.all(sessions.map((each) => each[Symbol.asyncDispose]()));
    expect(await read('select count(*) from fresh.many')).toEqual(['[5]']);
  });

  test('three-part names reach the own database only', async () => {
    const database = new URL(url).pathname.slice(1);
    await write('select 1 as a', target(`${database.toUpperCase()}.Public.Mixed_Case`));
    expect(await read('select a from public.mixed_case')).toEqual(['[1]']);
    await expect(write('select 1 as a', target('other.public.t'))).rejects.toMatchObject({
      code: 'RIVER_SQL_TABLE_NAME',
    });
  });

  test('the schema of the connection is where names without one lie', async () => {
    await admin.query('CREATE SCHEMA "Odd ""one"');
    await using other = await open({ url, schema: 'Odd "one' });
    await using inSchema = await other.session();
    await inSchema.writeTable(bound('select 5 as a'), target('here'), options());
    expect(await readIn(inSchema, 'select a from here')).toEqual(['[5]']);
    expect(await read('select a from "Odd ""one".here')).toEqual(['[5]']);
    expect(await other.check()).toMatchObject({
      role: 'postgres',
      tls: 'off',
      server: expect.stringContaining('PostgreSQL'),
    });
  });
});

describe('values', () => {
  test('one text is taken as a date here and as a timestamp there', async () => {
    const values = { since: '2024-01-01 12:00:00' };
    const sql = `select date '2024-01-01' >= {since} as d, timestamp '2024-01-01 11:00:00' >= {since} as t`;
    expect(await read(sql, values)).toEqual(['[true,false]']);
  });

  test('arrays of types that users make', async () => {
    await admin.query(`CREATE TYPE mood AS ENUM ('sad', 'ok')`);
    await using fresh = await warehouse.session();
    expect(await readIn(fresh, `select array['ok', null]::mood[] as moods`)).toEqual(['[["ok",null]]']);
  });

  test('changes that give rows back are done, however little of the result is read', async () => {
    await admin.query('CREATE TABLE log (id int)');
    const result = await session.query(
      bound('insert into log select generate_series(1, 2000) returning id'),
      options(),
    );
    for await (const _ of result.batches()) break;
    await result[Symbol.asyncDispose]();
    expect(await read('select count(*) from log')).toEqual(['[2000]']);
  });

  test('a reader that stops just before a row that fails', async () => {
    const result = await session.query(
      bound('select 1 / (i - 1000) as x from generate_series(0, 9999) as s(i)'),
      options(),
    );
    for await (const batch of result.batches()) if (batch.length > 0) break;
    await result[Symbol.asyncDispose]();
    expect(await read('select 1')).toEqual(['[1]']);
  });

  test('settings and temporary tables of one session do not reach the next', async () => {
    await using single = await open({ url, max_connections: 1 });
    {
      await using first = await single.session();
      await first.script(
        bound(`set DateStyle = 'German'; set TimeZone = 'Asia/Tokyo'; create temp table t (a int); begin`),
        options(),
      );
    }
    await using second = await single.session();
    expect(await readIn(second, `select timestamptz '2024-01-01 00:00:00Z' as t`)).toEqual([
      '["2024-01-01T00:00:00Z"]',
    ]);
    await expect(readIn(second, 'select * from t')).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR' });
  });
});

describe('what goes wrong', () => {
  test('an error says line and column', async () => {
    await expect(read('select 1 as a,\n  wrong as b')).rejects.toMatchObject({
      message: 'column "wrong" does not exist (line 2, column 3)',
      context: { sqlstate: '42703', sql_line: 2, sql_column: 3 },
    });
    await expect(write('select 1 as a,\n  wrong as b', target('t'))).rejects.toMatchObject({
      context: { sql_line: 2, sql_column: 3 },
    });
    await expect(read('select {x},\n wrong', { x: 1 })).rejects.toMatchObject({
      context: { sql_line: 2, sql_column: 2 },
    });
  });

  test.each([
    ['a serialization failure', '40001', 'REMOTE_WAREHOUSE_CONFLICT', true],
    ['a deadlock', '40P01', 'REMOTE_WAREHOUSE_CONFLICT', true],
    ['a lock not available', '55P03', 'REMOTE_WAREHOUSE_CONFLICT', true],
    ['too many connections', '53300', 'REMOTE_WAREHOUSE_UNAVAILABLE', true],
    ['a full disk', '53100', 'REMOTE_WAREHOUSE_UNAVAILABLE', true],
    ['a standby', '25006', 'REMOTE_WAREHOUSE_UNAVAILABLE', true],
    ['a missing permission', '42501', 'AUTH_WAREHOUSE_PERMISSION', false],
    ['a value that does not fit', '22003', 'RIVER_SQL_ERROR', false],
    ['a broken constraint', '23505', 'RIVER_SQL_ERROR', false],
    ['an error of the user’s own', 'P0001', 'RIVER_SQL_ERROR', false],
  ])('%s', async (_name, sqlstate, code, retry) => {
    const raise = `do $$ begin raise exception 'as told' using errcode = '${sqlstate}'; end $$`;
    await expect(session.script(bound(raise), options())).rejects.toMatchObject({
      code,
      retry,
      message: 'as told',
      context: { sqlstate },
    });
    expect(await read('select 1')).toEqual(['[1]']);
  });

  test('no such database, no such user, nobody there', async () => {
    const { port } = new URL(url);
    const cases = [
      [{ url: `${url}_gone` }, 'CONFIG_WAREHOUSE_DATABASE', false],
      [{ host: '127.0.0.1', port, database: 'postgres', username: 'nobody', password: 'x' }, 'AUTH_WAREHOUSE', false],
      [
        { host: '127.0.0.1', port: await freePort(), database: 'postgres', username: 'postgres' },
        'REMOTE_WAREHOUSE_UNAVAILABLE',
        true,
      ],
      [
        { host: 'no-such-host.invalid', database: 'postgres', username: 'postgres' },
        'REMOTE_WAREHOUSE_UNAVAILABLE',
        true,
      ],
      [{ url, ssl: true }, 'CONFIG_WAREHOUSE_TLS', false],
    ] as const;
    for (const [config, code, retry] of cases) {
      await using wrong = await open(config);
      await expect(wrong.session()).rejects.toMatchObject({ code, retry, hint: expect.any(String) });
      await expect(wrong.check()).rejects.toMatchObject({ code, retry });
    }
  });

  test('a connection that the server ends is a retryable error, and the next session works', async () => {
    await using running = await warehouse.session();
    const statement = running.script(
      bound('select pg_sleep(100000)'),
      options({ tag: { run: 'doomed', river: 'r', step: 's' } }),
    );
    const pid = await backendOf('upriver doomed/s');
    await Promise.all([
      expect(statement).rejects.toMatchObject({ code: 'REMOTE_WAREHOUSE_UNAVAILABLE', retry: true }),
      admin.query('SELECT pg_terminate_backend($1)', [pid]),
    ]);
    await expect(readIn(running, 'select 1')).rejects.toMatchObject({
      code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
      retry: true,
    });
    await using next = await warehouse.session();
    expect(await readIn(next, 'select 1')).toEqual(['[1]']);
  });

  test('an idle connection that the server ends is replaced', async () => {
    await (await warehouse.session())[Symbol.asyncDispose]();
    await admin.query(
      'SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()',
    );
    await using next = await warehouseSessionAfterLoss();
    expect(await readIn(next, 'select 1')).toEqual(['[1]']);
  });

  test('a server that is no PostgreSQL', async () => {
    const other = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'));
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const { port } = other.address() as { port: number };
    await using wrong = await open({ host: '127.0.0.1', port, database: 'd', username: 'u' });
    await expect(wrong.session()).rejects.toMatchObject({ code: 'REMOTE_WAREHOUSE_UNAVAILABLE' });
    other.close();
  });
});

describe('encryption', () => {
  beforeAll(async () => {
    await using main = await open({ url: server.url });
    await using root = await main.session();
    const put = (file: string, text: string) =>
      `copy (select unnest(string_to_array('${text.trim()}', e'\\n'))) to program 'umask 077; cat > ${file}'`;
    // COPY's program runs in the server's data directory.
    await root.script(bound(`${put('test.crt', TEST_CERTIFICATE)}; ${put('test.key', TEST_KEY)}`), options());
    await root.script(
      bound(`alter system set ssl_cert_file = 'test.crt'; alter system set ssl_key_file = 'test.key'`),
      options(),
    );
    await root.script(bound(`alter system set ssl = on; select pg_reload_conf()`), options());
  });

  test('true checks the certificate, an authority of your own is trusted, verify: false checks nothing', async () => {
    await using unknown = await open({ url, ssl: true });
    await expect(unknown.session()).rejects.toMatchObject({ code: 'CONFIG_WAREHOUSE_TLS', retry: false });
    for (const ssl of [{ ca: TEST_CERTIFICATE }, { verify: false }]) {
      await using encrypted = await open({ url, ssl });
      expect(await encrypted.check()).toMatchObject({ tls: expect.stringContaining('TLS') });
    }
  });

  test.each([
    ['require', 'nothing', undefined, 'TLS'],
    ['disable', 'nothing', undefined, 'off'],
    ['verify-full', 'an authority', { ca: TEST_CERTIFICATE }, 'TLS'],
    ['require', 'false', false, 'off'],
    ['disable', 'verify: false', { verify: false }, 'TLS'],
  ])('sslmode=%s in the URL, %s in `ssl`', async (mode, _name, ssl, tls) => {
    await using warehouse = await open({ url: `${url}?sslmode=${mode}`, ssl });
    expect(await warehouse.check()).toMatchObject({ tls: expect.stringContaining(tls) });
  });

  test.each([
    ['verify-full', 'nothing', undefined],
    ['require', 'true', true],
  ])('sslmode=%s in the URL, %s in `ssl`: the certificate is checked', async (mode, _name, ssl) => {
    await using warehouse = await open({ url: `${url}?sslmode=${mode}`, ssl });
    await expect(warehouse.check()).rejects.toMatchObject({ code: 'CONFIG_WAREHOUSE_TLS', retry: false });
  });

  test('a cancel goes over an encrypted connection too', async () => {
    await using encrypted = await open({ url, ssl: { ca: TEST_CERTIFICATE } });
    await using inTls = await encrypted.session();
    const sleep = inTls.script(bound('select pg_sleep(100000)'), options({ timeoutMs: 100 }));
    await expect(sleep).rejects.toMatchObject({ code: 'REMOTE_WAREHOUSE_TIMEOUT' });
  });
});

describe('the pool', () => {
  test('a session waits for a connection however long the others take', async () => {
    await using single = await open({ url, max_connections: 1 });
    const first = await single.session();
    const second = single.session();
    expect(await readIn(first, 'select 1')).toEqual(['[1]']);
    await first[Symbol.asyncDispose]();
    await using waited = await second;
    expect(await readIn(waited, 'select 2')).toEqual(['[2]']);
  });
});

describe('ending', () => {
  test('a cancel works when every connection of the pool is busy, and nothing goes on in the server', async () => {
    await using single = await open({ url, max_connections: 1 });
    await using only = await single.session();
    const controller = new AbortController();
    const reason = new Error('enough');
    const statement = only.script(
      bound('select pg_sleep(100000)'),
      options({ signal: controller.signal, tag: { run: 'busy', river: 'r', step: 's' } }),
    );
    await backendOf('upriver busy/s');
    controller.abort(reason);
    await expect(statement).rejects.toBe(reason);
    const { rows } = await admin.query(
      `SELECT count(*)::int AS n FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(1%' AND pid <> pg_backend_pid()`,
    );
    expect(rows).toEqual([{ n: 0 }]);
    expect(await readIn(only, 'select 1')).toEqual(['[1]']);
  });

  test('a lock that never comes: the statement can be cancelled, the target is as it was', async () => {
    await admin.query('CREATE TABLE held AS SELECT 1 AS a');
    await admin.query('BEGIN; LOCK TABLE held');
    await expect(write('select 2 as a', target('held'), { timeoutMs: 200 })).rejects.toMatchObject({
      code: 'REMOTE_WAREHOUSE_TIMEOUT',
    });
    await admin.query('ROLLBACK');
    expect(await read('select a from held')).toEqual(['[1]']);
  });
});

/** The server process that works for an application name; waits until it is at it. */
async function backendOf(application: string): Promise<number> {
  for (;;) {
    const { rows } = await admin.query(
      `SELECT pid FROM pg_stat_activity WHERE application_name = $1 AND state = 'active' AND query LIKE '%pg_sleep%'`,
      [application],
    );
    if (rows[0]) return rows[0].pid;
  }
}

/** The pool learns of the loss when it reads from the socket: at once, or with the first session. */
async function warehouseSessionAfterLoss(): Promise<WarehouseSession> {
  return warehouse.session().catch((error) => {
    expect(error).toMatchObject({ retry: true });
    return warehouse.session();
  });
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as { port: number };
  probe.close();
  await once(probe, 'close');
  return port;
}
