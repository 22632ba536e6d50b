/** What can go wrong between here and Snowflake, and what a crash may cost: no statement runs twice, no row is lost. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TableTarget } from '../../../src/contracts/plan.ts';
import {
  openWarehouse,
  type StatementHandle,
  type StatementOptions,
  type Warehouse,
  type WarehouseContext,
  type WarehouseSession,
} from '../../../src/warehouses/index.ts';
import { SnowflakeClient } from '../../../src/warehouses/snowflake/client.ts';
import { streamResult } from '../../../src/warehouses/snowflake/result.ts';
import { Running } from '../../../src/warehouses/snowflake/running.ts';
import { connectionOptions } from '../../../src/warehouses/snowflake/settings.ts';
import { type Fault, type SnowflakeDouble, startSnowflake } from '../../doubles/snowflake/server.ts';

const MANY = 60_000;
const NUMBERS = `select row_number() over (order by seq8()) - 1 as n from table(generator(rowcount => ${MANY}))`;

let double: SnowflakeDouble;
let context: WarehouseContext;
let warehouse: Warehouse;
let session: WarehouseSession;

beforeEach(async () => {
  double = await startSnowflake();
  const config = { account: 'double', access_url: double.url, username: 'UPRIVER', password: 'secret' };
  context = { name: 'snow', projectDir: '.', config: { ...config, warehouse: 'WH', database: 'INTERNAL' } };
  warehouse = await openWarehouse('snowflake', context);
  session = await warehouse.session();
});
afterEach(async () => {
  await session[Symbol.asyncDispose]();
  await warehouse[Symbol.asyncDispose]();
  await double[Symbol.asyncDispose]();
});

const options = (change: Partial<StatementOptions> = {}): StatementOptions => ({
  signal: new AbortController().signal,
  timeoutMs: null,
  tag: { run: 'run-1', river: 'deals', step: 'usage' },
  ...change,
});

async function read(sql: string, change?: Partial<StatementOptions>): Promise<string[]> {
  await using result = await session.query({ sql: [sql], values: {} }, options(change));
  return (await Array.fromAsync(result.batches())).flat();
}

const target = (mode: TableTarget['mode']): TableTarget => ({
  kind: 'table',
  table: 'INTERNAL.PUBLIC.T',
  mode,
  key: ['k'],
});
const write = (sql: string, mode: TableTarget['mode'], change?: Partial<StatementOptions>) =>
  session.writeTable({ sql: [sql], values: {} }, target(mode), options(change));

describe('what is sent', () => {
  test('each statement says whose it is and how long it may take; the session is set once', async () => {
    await read('select 1 as tagged', { timeoutMs: 90_500 });
    await read('select 2 as tagged');
    const [first, second] = double.executions.filter(({ sql }) => /tagged/.test(sql));
    expect(JSON.parse(first?.tag ?? '')).toEqual({ run: 'run-1', river: 'deals', step: 'usage' });
    expect(first?.parameters).toMatchObject({ STATEMENT_TIMEOUT_IN_SECONDS: 91 });
    expect(second?.parameters).not.toHaveProperty('STATEMENT_TIMEOUT_IN_SECONDS');
    expect(double.ran(/alter session/i)).toHaveLength(1);
    expect(double.sessions[0]?.settings[0]).toMatch(/STRICT_JSON_OUTPUT = TRUE/);
  });

  test('a script is one request of many statements', async () => {
    const sql = 'create table INTERNAL.PUBLIC.S (a int); insert into INTERNAL.PUBLIC.S values (1);';
    await session.script({ sql: [sql], values: {} }, options());
    expect(double.log.filter((entry) => entry.sql?.includes('PUBLIC.S'))).toHaveLength(1);
    expect(double.ran(/PUBLIC\.S/)).toHaveLength(2);
  });

  test('a session that ran only queries is used again; one that ran a script is not', async () => {
    await read('select 1');
    await session[Symbol.asyncDispose]();
    session = await warehouse.session();
    await session.script({ sql: ['select 1'], values: {} }, options());
    expect(double.sessions).toHaveLength(1);
    await session[Symbol.asyncDispose]();
    session = await warehouse.session();
    expect(double.sessions).toHaveLength(2);
  });

  test('no telemetry, no log file, no numbers that the driver rounded on the way', async () => {
    const long = '12345678901234567890.5';
    expect(await read(`select '${long}'::number(38, 1) as n, array_construct(${long}) as a`)).toEqual([
      `[{"$exact":"${long}"},[{"$exact":"${long}"}]]`,
    ]);
    expect(double.log.filter(({ route }) => route === 'telemetry')).toEqual([]);
    expect(existsSync('snowflake.log')).toBe(false);
  });
});

describe('faults on the way', () => {
  test.each<[string, Fault]>([
    ['503 twice', { route: 'query', times: 2, act: { kind: 'http', status: 503 } }],
    ['429', { route: 'query', times: 1, act: { kind: 'http', status: 429 } }],
    [
      'a connection that breaks before the statement',
      { route: 'query', times: 1, act: { kind: 'reset', when: 'before' } },
    ],
    [
      'a connection that breaks after the statement',
      { route: 'query', times: 1, act: { kind: 'reset', when: 'after' } },
    ],
    ['a session that expired', { route: 'query', times: 1, act: { kind: 'refuse', code: '390112' } }],
    ['a session that is not valid', { route: 'query', times: 1, act: { kind: 'refuse', code: '390104' } }],
    ['a session that is gone', { route: 'query', times: 1, act: { kind: 'refuse', code: '390111' } }],
    ['503 while it waits', { route: 'status', times: 2, act: { kind: 'http', status: 503 } }],
    ['a broken connection while it waits', { route: 'status', times: 1, act: { kind: 'reset', when: 'before' } }],
    ['a session that expires while it waits', { route: 'status', times: 1, act: { kind: 'refuse', code: '390112' } }],
    ['a session that ends while it waits', { route: 'status', times: 1, act: { kind: 'refuse', code: '390104' } }],
    ['503 for the result', { route: 'result', times: 1, act: { kind: 'http', status: 503 } }],
    [
      'a session that expires before the result',
      { route: 'result', times: 1, act: { kind: 'refuse', code: '390112' } },
    ],
    ['a chunk that is refused', { route: 'chunk', times: 1, act: { kind: 'http', status: 403 } }],
    ['a chunk that breaks off', { route: 'chunk', times: 1, act: { kind: 'truncate' } }],
    ['a chunk whose connection breaks', { route: 'chunk', times: 1, act: { kind: 'reset', when: 'before' } }],
  ])(
    '%s: the statement runs once, and every row arrives',
    async (_name, fault) => {
      await read('select 1');
      double.fault(fault);
      const rows = await read(NUMBERS);
      expect(rows).toHaveLength(MANY);
      expect(rows.at(-1)).toBe(`[${MANY - 1}]`);
      expect(double.ran(/generator/)).toHaveLength(1);
    },
    60_000,
  );

  test('a session that cannot be renewed: a new one takes its place', async () => {
    await read('select 1');
    double.fault({ route: 'query', times: 1, act: { kind: 'refuse', code: '390112' } });
    double.fault({ route: 'renew', times: 1, act: { kind: 'refuse', code: '390114' } });
    expect(await read(NUMBERS)).toHaveLength(MANY);
    expect(double.sessions).toHaveLength(2);
    expect(double.ran(/generator/)).toHaveLength(1);
  });

  test('an answer that says nothing of the SQL is not blamed on it', async () => {
    double.fault({ route: 'query', times: 1, act: { kind: 'http', status: 403 } });
    await expect(read('select 1')).rejects.toMatchObject({
      code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
      message: expect.stringContaining('403'),
      retry: true,
    });
  });

  test('a slow statement that the server answers with "in progress" again and again', async () => {
    double.patienceMs = 20;
    const held = double.hold(/slow/);
    const reading = read("select 'slow' as x");
    while (double.log.filter(({ route }) => route === 'status').length < 3) await new Promise(setImmediate);
    await held.release();
    expect(await reading).toEqual(['["slow"]']);
    expect(double.ran(/slow/)).toHaveLength(1);
  });

  test('a warehouse that is stopped', async () => {
    double.suspended = true;
    await expect(read('select 5 as n')).rejects.toMatchObject({
      code: 'CONFIG_SNOWFLAKE_WAREHOUSE',
      message: expect.stringContaining('No active warehouse'),
      hint: expect.stringContaining('auto_resume'),
      context: { query_id: expect.any(String) },
      retry: false,
    });
  });

  test('a failed statement is sent once, and its error has the query id', async () => {
    await expect(read('select * from INTERNAL.PUBLIC.NOWHERE')).rejects.toMatchObject({
      code: 'RIVER_SQL_ERROR',
      message: expect.stringMatching(/does not exist or not authorized\. \(query [0-9a-f-]{36}\)$/),
      context: { query_id: expect.stringMatching(/^[0-9a-f-]{36}$/), snowflake_code: '002003' },
    });
    expect(double.log.filter(({ sql }) => sql?.includes('NOWHERE'))).toHaveLength(1);
  });
});

test.each([
  ['a lost permission', '003001', 'AUTH_WAREHOUSE_PERMISSION', false],
  ['a lock that was waited for too long', '000625', 'REMOTE_WAREHOUSE_CONFLICT', true],
  ['the statement timeout of the warehouse', '000630', 'REMOTE_WAREHOUSE_TIMEOUT', false],
  ['a cancel by someone else', '000604', 'REMOTE_WAREHOUSE_INTERRUPTED', true],
  ['an internal error', '300002', 'REMOTE_WAREHOUSE_BROKEN', true],
  ['a failed cast', '100038', 'RIVER_SQL_ERROR', false],
])("%s: Snowflake's own words, and whether to try again", async (_name, number, code, retry) => {
  const message = 'as Snowflake words it';
  double.fault({ route: 'query', times: 1, sql: /told/, act: { kind: 'refuse', code: number, message } });
  await expect(read("select 'told' as x")).rejects.toMatchObject({
    code,
    retry,
    message: expect.stringContaining(message),
    context: { snowflake_code: number },
  });
  expect(await read('select 1')).toEqual(['[1]']);
});

describe('cancelling', () => {
  test('ends the statement in Snowflake', async () => {
    double.hold(/endless/);
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const reading = read("select 'endless' as x", {
      signal: controller.signal,
      onHandle: (handle) => handle.query && controller.abort(reason),
    });
    await expect(reading).rejects.toBe(reason);
    expect(double.log.filter(({ route }) => route === 'abort')).toHaveLength(1);
    expect(double.ran(/endless/)).toEqual([]);
  });

  test('ends what upriver itself asks on the way to a target', async () => {
    await write('select 0 as k', 'overwrite');
    const held = double.hold(/group by/i);
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const writing = write('select 1 as k', 'merge', { signal: controller.signal });
    while (!double.log.some(({ sql }) => /group by/i.test(sql ?? ''))) await new Promise(setImmediate);
    controller.abort(reason);
    await expect(writing).rejects.toBe(reason);
    await held.release();
    expect(double.ran(/group by/i)).toEqual([]);
    expect(await read('select k from INTERNAL.PUBLIC.T')).toEqual(['[0]']);
  });

  test('ends a statement that was taken over, too', async () => {
    double.hold(/endless/);
    const handle = await startAndDie('query', "select 'endless' as x");
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const reading = read("select 'endless' as x", { signal: controller.signal, resume: handle });
    while (double.log.filter(({ route }) => route === 'status').length < 3) await new Promise(setImmediate);
    controller.abort(reason);
    await expect(reading).rejects.toBe(reason);
    expect(double.ran(/endless/)).toEqual([]);
  }, 30_000);
});

describe('kill -9', () => {
  test('in the middle of a long statement: it runs on, and the next attempt takes it over', async () => {
    const held = double.hold(/generator/);
    const resume = await startAndDie('query', NUMBERS);
    await held.release();
    const rows = await read(NUMBERS, { resume });
    expect(rows).toHaveLength(MANY);
    expect(double.ran(/generator/)).toHaveLength(1);
  }, 30_000);

  test('in the middle of reading: the next attempt reads the same result, whole', async () => {
    const resume = await startAndDie('query', NUMBERS, /^read /);
    const rows = await read(NUMBERS, { resume });
    expect(rows).toEqual(Array.from({ length: MANY }, (_, n) => `[${n}]`));
    expect(double.ran(/generator/)).toHaveLength(1);
  }, 30_000);

  test('before the query id got out: the next attempt sends the same under the same id, and Snowflake knows it', async () => {
    await startAndDie('query', NUMBERS);
    expect(await read(NUMBERS, { work: 'killed' })).toHaveLength(MANY);
    expect(double.ran(/generator/)).toHaveLength(1);
    expect(await read(NUMBERS, { work: 'another' })).toHaveLength(MANY);
    expect(double.ran(/generator/)).toHaveLength(2);
  }, 30_000);

  test.each(['overwrite', 'append', 'merge'] as const)(
    'before anything of %s got out: it is done once',
    async (mode) => {
      const rows = 'select 1 as k union all select 2';
      const tag = { run: 'killed', river: 'river', step: 'step' };
      const held = double.hold(/^(create or replace table|merge into "INTERNAL"."PUBLIC"."T"|begin)/i);
      await startAndDie(mode, rows, /"apply".*"query"/);
      await held.release();
      expect(await write(rows, mode, { work: 'killed', tag })).toEqual({ rows: 2 });
      expect(double.executions.filter(({ sql }) => sql.includes('union all'))).toHaveLength(1);
      expect(await read('select k from INTERNAL.PUBLIC.T order by k')).toEqual(['[1]', '[2]']);
    },
    30_000,
  );

  test.each(['append', 'merge'] as const)(
    'after %s was over, and only its beginning got out: the rows are there once',
    async (mode) => {
      const rows = 'select 1 as k union all select 2';
      const tag = { run: 'killed', river: 'river', step: 'step' };
      const handles: StatementHandle[] = [];
      const onHandle = (handle: StatementHandle) => handles.push(handle);
      expect(await write(rows, mode, { work: 'work', tag, onHandle })).toEqual({ rows: 2 });
      expect(await write(rows, mode, { work: 'work', tag, resume: handles[0] })).toEqual({ rows: 2 });
      expect(handles[0]).toMatchObject({ part: 'stage' });
      expect(await read('select k from INTERNAL.PUBLIC.T order by k')).toEqual(['[1]', '[2]']);
    },
  );

  test('in the middle of a script: Snowflake carries it to its end, once', async () => {
    const sql = 'create table INTERNAL.PUBLIC.S (a int); insert into INTERNAL.PUBLIC.S values (1); select 1';
    const held = double.hold(/PUBLIC\.S/);
    const resume = await startAndDie('script', sql);
    const done = held.release();
    await session.script({ sql: [sql], values: {} }, options({ resume }));
    await done;
    expect(await read('select a from INTERNAL.PUBLIC.S')).toEqual(['[1]']);
    expect(double.ran(/insert into INTERNAL.PUBLIC.S/)).toHaveLength(1);
  }, 30_000);

  test.each(['overwrite', 'append', 'merge'] as const)(
    'in the middle of %s',
    async (mode) => {
      const rows = "select 1 as k, 'a' as v union all select 2, 'b'";
      await write("select 0 as k, 'old' as v", 'overwrite', { tag: { run: 'before', river: 'deals', step: 'usage' } });
      const before = double.executions.length;
      const held = double.hold(
        mode === 'overwrite' ? /as select 1 as k/i : /^(merge into "INTERNAL"."PUBLIC"."T"|begin)/i,
      );
      const apply = (line: string) => line.includes('"apply"') && line.includes('"query"');
      const resume = await startAndDie(mode, rows, { test: apply });
      await held.release();
      const tag = { run: 'killed', river: 'river', step: 'step' };
      expect(await write(rows, mode, { resume, tag })).toEqual({ rows: 2 });
      const keys = await read('select k from INTERNAL.PUBLIC.T order by k');
      expect(keys).toEqual(mode === 'overwrite' ? ['[1]', '[2]'] : ['[0]', '[1]', '[2]']);
      const queries = double.executions.slice(before).filter(({ sql }) => sql.includes('union all'));
      expect(queries).toHaveLength(1);
      expect(await read("select table_name from duckdb_tables() where table_name like '%STAGE%'")).toEqual([]);
    },
    30_000,
  );
});

describe('reading on', () => {
  const pieces = () => double.log.filter(({ route }) => route === 'chunk').map(({ piece }) => piece);
  const readFrom = async (sql: string, from: number) => {
    await using result = await session.query({ sql: [sql], values: {} }, options());
    return (await Array.fromAsync(result.batches(from))).flat();
  };
  const numbers = (from: number) => Array.from({ length: MANY - from }, (_, n) => `[${from + n}]`);

  test.each([
    [1, [0, 1, 2, 3, 4, 5]],
    [9_999, [0, 1, 2, 3, 4, 5]],
    [10_000, [1, 2, 3, 4, 5]],
    [35_000, [3, 4, 5]],
    [MANY - 1, [5]],
    [MANY, []],
  ])('from row %i: only the pieces from there on are downloaded', async (from, downloaded) => {
    expect(await readFrom(NUMBERS, from)).toEqual(numbers(from));
    expect(pieces()).toEqual(downloaded);
  });

  test('a result that came with its rows', async () => {
    const few = 'select n from (select 1 as n union all select 2 union all select 3) order by n';
    expect(await readFrom(few, 2)).toEqual(['[3]']);
    expect(await readFrom(few, 3)).toEqual([]);
    expect(pieces()).toEqual([]);
  });

  test('more rows than there are: the result is in doubt, and no longer one to go on with', async () => {
    await using result = await session.query({ sql: ['select 1 as a'], values: {} }, options());
    expect(result.source).toBe(double.executions.find(({ sql }) => sql === 'select 1 as a')?.queryId);
    await expect(Array.fromAsync(result.batches(2))).rejects.toMatchObject({ retry: true });
    expect(result.source).toBeUndefined();
  });

  test('a result has the same name in every attempt that takes it over, and another when it is run anew', async () => {
    let resume: StatementHandle | undefined;
    const onHandle = (handle: StatementHandle) => {
      resume = handle;
    };
    const sourceOf = async (change: Partial<StatementOptions>) => {
      await using result = await session.query({ sql: ['select 1'], values: {} }, options(change));
      return result.source;
    };
    const first = await sourceOf({ work: 'one', onHandle });
    expect(await sourceOf({ resume })).toBe(first);
    expect(await sourceOf({ work: 'one' })).toBe(first);
    expect(await sourceOf({ work: 'two' })).not.toBe(first);
  });
});

test('a piece of a result that never comes: the step is told, and reads the same result again', async () => {
  const silence = Promise.withResolvers<void>();
  double.fault({ route: 'chunk', times: 1, act: { kind: 'silence', until: silence.promise } });
  let resume: StatementHandle | undefined;
  const onHandle = (handle: StatementHandle) => {
    resume = handle;
  };
  await using client = await SnowflakeClient.open({ name: 'snow', options: connectionOptions(context) });
  const running = new Running(client, options({ onHandle }));
  const query = await running.run({ part: 'query', text: NUMBERS, binds: [] });
  await using result = streamResult(await running.result(query), { running, stallMs: 300 });
  await expect(Array.fromAsync(result.batches())).rejects.toMatchObject({
    code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
    message: 'Snowflake sent no rows for 0.3 s',
    retry: true,
    context: { query_id: query },
  });
  // Or the driver would ask for that piece as long as this process is up.
  silence.resolve();
  expect(await read(NUMBERS, { resume })).toHaveLength(MANY);
  expect(double.ran(/generator/)).toHaveLength(1);
});

test('an append that nobody knew of any more comes late, and adds nothing', async () => {
  const rows = 'select 1 as k union all select 2';
  const held = double.hold(/^begin/i, { times: 1 });
  await startAndDie('append', rows, /"apply".*"query"/);
  const tag = { run: 'killed', river: 'river', step: 'step' };
  expect(await write(rows, 'append', { tag })).toEqual({ rows: 2 });
  await held.release();
  expect(double.ran(/MERGE INTO .*_UPRIVER_APPENDS/s)).toHaveLength(2);
  expect(await read('select k from INTERNAL.PUBLIC.T order by k')).toEqual(['[1]', '[2]']);
}, 30_000);

test('a merge that another attempt has brought to its end meanwhile is tried again, and succeeds', async () => {
  const rows = "select 1 as k, 'a' as v union all select 2, 'b'";
  const held = double.hold(/group by/i, { times: 1 });
  let resume: StatementHandle | undefined;
  const onHandle = (handle: StatementHandle) => {
    resume = handle;
  };
  const slow = write(rows, 'merge', { work: 'first', onHandle }).catch((error) => error);
  while (!double.log.some(({ sql }) => /group by/i.test(sql ?? ''))) await new Promise(setImmediate);
  await using other = await warehouse.session();
  expect(await other.writeTable({ sql: [rows], values: {} }, target('merge'), options())).toEqual({ rows: 2 });
  await held.release();
  expect(await slow).toMatchObject({ code: 'REMOTE_WAREHOUSE_CONFLICT', retry: true });
  expect(await write(rows, 'merge', { work: 'second', resume })).toEqual({ rows: 2 });
  expect(await read('select k from INTERNAL.PUBLIC.T order by k')).toEqual(['[1]', '[2]']);
});

test('a session that ends while rows of ours are written: the step is tried again', async () => {
  async function* rows() {
    yield [1];
  }
  const source = { columns: ['k'], rows: rows() };
  double.fault({ route: 'query', times: 1, sql: /^INSERT INTO/, act: { kind: 'refuse', code: '390111' } });
  await expect(session.writeRows(source, target('append'), options())).rejects.toMatchObject({
    code: 'REMOTE_WAREHOUSE_INTERRUPTED',
    retry: true,
  });
});

describe('taking over', () => {
  test('a query that failed is run again', async () => {
    let resume: StatementHandle | undefined;
    const onHandle = (handle: StatementHandle) => {
      resume = handle;
    };
    const work = 'the same';
    await expect(read('select a from INTERNAL.PUBLIC.LATER', { work, onHandle })).rejects.toMatchObject({
      retry: false,
    });
    await double.seed('create table "INTERNAL"."PUBLIC".LATER as select 7 as a');
    expect(await read('select a from INTERNAL.PUBLIC.LATER', { work, resume })).toEqual(['[7]']);
    // Whoever comes with the same handle once more finds what was run anew.
    expect(await read('select a from INTERNAL.PUBLIC.LATER', { work, resume })).toEqual(['[7]']);
    expect(double.ran(/LATER/)).toHaveLength(2);
  });

  test('a login that fails meanwhile does not make it run twice', async () => {
    const held = double.hold(/generator/);
    const resume = await startAndDie('query', NUMBERS);
    double.fault({ route: 'status', times: 1, act: { kind: 'refuse', code: '390104' } });
    double.fault({ route: 'login', times: 2, act: { kind: 'http', status: 503 } });
    await expect(read(NUMBERS, { resume })).rejects.toMatchObject({
      code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
      retry: true,
    });
    await session[Symbol.asyncDispose]();
    session = await warehouse.session();
    await held.release();
    expect(await read(NUMBERS, { resume })).toHaveLength(MANY);
    expect(double.ran(/generator/)).toHaveLength(1);
  }, 30_000);

  test('a query that Snowflake does not know is run', async () => {
    const resume = { part: 'query', request: 'x', query: '00000000-0000-4000-8000-000000000000' };
    expect(await read('select 7 as a', { resume })).toEqual(['[7]']);
  });
});

/** Runs the child until it has said this, kills it, and returns the last handle that it kept. */
async function startAndDie(
  job: string,
  sql: string,
  until: { test(line: string): boolean } = /"query"/,
): Promise<StatementHandle> {
  const file = fileURLToPath(new URL('./snowflake-child.ts', import.meta.url));
  const child = spawn(process.execPath, [file, job, sql, 'INTERNAL.PUBLIC.T'], { stdio: ['pipe', 'pipe', 'inherit'] });
  child.stdin.end(JSON.stringify(context));
  const ended = once(child, 'exit');
  let handle: StatementHandle | undefined;
  for await (const line of createInterface({ input: child.stdout })) {
    if (line.startsWith('{')) handle = JSON.parse(line) as StatementHandle;
    if (until.test(line)) child.kill('SIGKILL');
  }
  const [, signal] = await ended;
  expect(signal).toBe('SIGKILL');
  if (!handle) throw new Error('the child kept no handle');
  return handle;
}
