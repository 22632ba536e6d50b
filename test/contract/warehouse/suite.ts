/** What every warehouse must do. Each driver's test calls this with its own way to be opened and its dialect. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { TableTarget, WarehouseType } from '../../../src/contracts/plan.ts';
import { parseSql } from '../../../src/core/sql-template.ts';
import { decode, Exact, type Row, type Value } from '../../../src/core/values.ts';
import {
  openWarehouse,
  type StatementOptions,
  type Warehouse,
  type WarehouseContext,
  type WarehouseSession,
} from '../../../src/warehouses/index.ts';
import { ALL_V8_FLAGS } from '../../helpers/launch-settings.ts';

export interface Dialect {
  /** Expression → its JSON text in a row. */
  values: readonly (readonly [expression: string, json: string])[];
  /** A JSON value from a literal. */
  json(text: string): string;
  /** A table expression with one whole number `i` from 0 per row. */
  numbers(rows: number): string;
  /** A query over numbers(1000000) that fails at row 500000. */
  failsLate: string;
  /** Runs for hours before it gives its first row. */
  endless: string;
  /** Schema for the tests' tables, as a prefix of names. */
  schema: string;
  /** What the messages of these errors have in them. */
  messages: { syntax: RegExp; table: RegExp };
  /** Name of the type for text. */
  text: string;
  /** What an unquoted name becomes. Default: it stays as it is. */
  folds?(name: string): string;
  /** Whether the error of a missing table says in which line it stands. Default: yes. */
  placesTables?: boolean;
}

export interface WarehouseUnderTest {
  type: WarehouseType;
  dialect: Dialect;
  /** An empty database. */
  setUp(): Promise<{ context: WarehouseContext; tearDown(): Promise<void> }>;
  /** Only one process at a time may have it open. */
  exclusive: boolean;
}

const LONG = '12345678901234567890123456789012345678';

export function testWarehouse({ type, dialect, setUp, exclusive }: WarehouseUnderTest): void {
  let database: Awaited<ReturnType<typeof setUp>>;
  let warehouse: Warehouse;
  let session: WarehouseSession;
  let runs = 0;

  beforeAll(async () => {
    database = await setUp();
    warehouse = await openWarehouse(type, database.context);
  });
  afterAll(async () => {
    await warehouse?.[Symbol.asyncDispose]();
    await database?.tearDown();
  });
  beforeEach(async () => {
    runs += 1;
    session = await warehouse.session();
  });
  afterEach(async () => {
    await session[Symbol.asyncDispose]();
  });

  const options = (change: Partial<StatementOptions> = {}): StatementOptions => ({
    signal: new AbortController().signal,
    timeoutMs: null,
    tag: { run: `run-${runs}`, river: 'river', step: 'step' },
    ...change,
  });
  const bound = (text: string, values: { [name: string]: Value } = {}) => ({ sql: parseSql(text, type), values });
  const { folds = (name: string) => name, placesTables = true } = dialect;
  const table = (name: string) => `${dialect.schema}.${name}`;
  const target = (name: string, mode: TableTarget['mode'] = 'overwrite', key: string[] = []): TableTarget => ({
    kind: 'table',
    table: table(name),
    mode,
    key,
  });

  async function texts(text: string, values?: { [name: string]: Value }): Promise<string[]> {
    await using result = await session.query(bound(text, values), options());
    const rows: string[] = [];
    for await (const batch of result.batches()) rows.push(...batch);
    return rows;
  }
  async function read(text: string, values?: { [name: string]: Value }): Promise<Row[]> {
    return (await texts(text, values)).map((row) => decode(row) as Row);
  }
  const write = (text: string, to: TableTarget, change?: Partial<StatementOptions>) =>
    session.writeTable(bound(text), to, options(change));
  const script = (text: string, values?: { [name: string]: Value }) => session.script(bound(text, values), options());

  describe('results', () => {
    test.each(dialect.values)('%s is %s', async (expression, json) => {
      expect(await texts(`select ${expression} as x`)).toEqual([`[${json}]`]);
    });

    test('null of every type is null', async () => {
      const nulls = dialect.values.map(([expression]) => `case when 1 = 0 then ${expression} end`);
      expect(await read(`select ${nulls.join(', ')}`)).toEqual([nulls.map(() => null)]);
    });

    test('columns have their names, in order, even when there are no rows', async () => {
      await using result = await session.query(bound(`select 1 as "B b", 'x' as a where 1 = 0`), options());
      expect(result.columns.map((column) => column.name)).toEqual(['B b', folds('a')]);
      expect(result.columns.every((column) => column.type.length > 0)).toBe(true);
      expect(await Array.fromAsync(result.batches())).toEqual([]);
    });

    test('whole numbers beyond 2^53 and decimals of 38 digits keep every digit', async () => {
      const [row] = await read(
        `select cast(9007199254740991 as bigint), cast(9007199254740993 as bigint), cast(-9223372036854775808 as bigint),
           cast('${LONG}' as decimal(38, 0)), cast('-1234567890123456789012345678.0123456789' as decimal(38, 10)),
           cast('12.50' as decimal(10, 2))`,
      );
      expect(row).toEqual([
        9007199254740991,
        new Exact('9007199254740993'),
        new Exact('-9223372036854775808'),
        new Exact(LONG),
        new Exact('-1234567890123456789012345678.0123456789'),
        12.5,
      ]);
    });

    test('numbers in JSON keep every digit, however deep', async () => {
      const json = `{"a": [{"n": ${LONG}}], "d": 0.12345678901234567890, "mixed": 123456789.123456789, "s": "${LONG}", "e": 1.5}`;
      expect(await read(`select ${dialect.json(json)}`)).toEqual([
        [
          {
            a: [{ n: new Exact(LONG) }],
            d: expect.objectContaining({ text: expect.stringMatching(/^0\.1234567890123456789/) }),
            mixed: new Exact('123456789.123456789'),
            s: LONG,
            e: 1.5,
          },
        ],
      ]);
    });

    test('JSON arrives as it is: nested nulls, empty containers, quotes, line breaks, non-ASCII', async () => {
      const value = {
        a: null,
        list: [1, 'zwei', [], {}],
        'k"ey': 'line\nbreak \u2028 "quoted" \\ ünï 🙂',
        deep: { er: { x: false } },
      };
      const text = JSON.stringify(value).replaceAll('\\', '\\\\');
      const literal = type === 'snowflake' ? text : JSON.stringify(value);
      expect(await read(`select ${dialect.json(literal.replaceAll('{', '{{').replaceAll("'", "''"))}`)).toEqual([
        [value],
      ]);
    });

    test('a trailing semicolon and comments around the query are fine', async () => {
      expect(await read('-- first\nselect 1 as a; -- last')).toEqual([[1]]);
      expect(await read('/* ; */ select 2 as a ;\n')).toEqual([[2]]);
    });

    test('rows come in order and none is missing', async () => {
      await using result = await session.query(
        bound(`select i from ${dialect.numbers(100_000)} order by i desc`),
        options(),
      );
      let next = 99_999;
      for await (const batch of result.batches()) for (const row of batch) expect(row).toBe(`[${next--}]`);
      expect(next).toBe(-1);
    });

    test('an error in the middle of the rows is an error, not their end', async () => {
      await expect(read(dialect.failsLate)).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR', retry: false });
      expect(await read('select 1')).toEqual([[1]]);
    });

    test('a reader may stop early and the session goes on', async () => {
      await using result = await session.query(bound(`select i from ${dialect.numbers(1_000_000)}`), options());
      for await (const batch of result.batches()) if (batch.length > 0) break;
      await result[Symbol.asyncDispose]();
      expect(await read('select 1')).toEqual([[1]]);
    });

    test('sessions work side by side', async () => {
      await using other = await warehouse.session();
      await using slow = await session.query(bound(`select i from ${dialect.numbers(50_000)}`), options());
      await using quick = await other.query(bound('select 7 as x'), options());
      expect(await Array.fromAsync(quick.batches())).toEqual([['[7]']]);
      expect((await Array.fromAsync(slow.batches())).flat()).toHaveLength(50_000);
    });
  });

  describe('bound values', () => {
    const evil = `'; drop table ${table('victim')}; -- " \\ $1 $$ {x} \n \u{1F600}`;

    test.each<[string, Value]>([
      ['text', 'plain'],
      ['empty text', ''],
      ['an injection attempt', evil],
      ['a small number', 42],
      ['a negative number', -7],
      ['a large whole number', 9007199254740991],
      ['a fraction', 0.1],
      ['zero', 0],
      ['true', true],
      ['false', false],
      ['null', null],
      ['an exact whole number', new Exact(LONG)],
      ['an exact decimal', new Exact('-1234567890123456789012345678.0123456789')],
      ['an object', { a: [1, null, { b: evil }], n: new Exact('12345678901234567890') }],
      ['an array', [1, 'two', null]],
    ])('%s comes back as it went in', async (_name, value) => {
      expect(await read('select {v} as v', { v: value })).toEqual([[value]]);
      expect(await read("select '{v}' as v", { v: value })).toEqual([[value]]);
    });

    test('a value is compared as its literal would be', async () => {
      await script(`create table ${table('compare')} (id bigint, seen timestamp, name ${dialect.text}, n decimal(10, 2));
        insert into ${table('compare')} values (5, '2024-01-02 03:04:05', 'it''s', 1.5)`);
      const found = await read(
        `select count(*) from ${table('compare')} where id = {id} and id = {id_text} and seen > {since} and name = {name} and n = {n} and id < {big}`,
        { id: 5, id_text: '5', since: '1970-01-01', name: "it's", n: 1.5, big: new Exact('9223372036854775807') },
      );
      expect(found).toEqual([[1]]);
    });

    test('one value used twice is one value, and limits take it', async () => {
      const rows = await read(
        `select i % {n} as r, count(*) from ${dialect.numbers(10)} group by i % {n} order by r limit {limit}`,
        {
          n: 3,
          limit: 2,
        },
      );
      expect(rows).toEqual([
        [0, 4],
        [1, 3],
      ]);
    });

    test('an identifier is quoted, whatever it holds', async () => {
      const name = 'we"ird; drop table x';
      await script(`create table ${dialect.schema}.{name|identifier} as select 1 as a`, { name });
      expect(await read(`select a from ${dialect.schema}.{name|identifier}`, { name })).toEqual([[1]]);
      await expect(read('select {name|identifier}', { name: '' })).rejects.toMatchObject({
        code: 'RIVER_SQL_IDENTIFIER',
      });
    });

    test('the tables of an injection attempt are still there', async () => {
      await script(`create table ${table('victim')} as select 1 as a`);
      expect(await read('select {v} as v', { v: evil })).toEqual([[evil]]);
      expect(
        await read(`select count(*) from ${table('victim')} where cast(a as ${dialect.text}) = {v}`, { v: evil }),
      ).toEqual([[0]]);
      expect(await read(`select a from ${table('victim')}`)).toEqual([[1]]);
    });

    test('a value where none can be bound is a clear error', async () => {
      await expect(script(`create view ${table('v')} as select {x} as x`, { x: 1 })).rejects.toMatchObject({
        code: 'RIVER_SQL_ERROR',
        hint: expect.stringContaining('bound value'),
      });
    });
  });

  describe('wrong SQL', () => {
    const ofTable = placesTables ? { sql_line: 2 } : {};

    test.each([
      ['a syntax error', 'select 1 as a,\nselec 2', dialect.messages.syntax, { sql_line: 2 }],
      ['a missing table', `select 1 as a\nfrom ${table('nowhere')}`, dialect.messages.table, ofTable],
    ])('%s says what, where and what to do', async (_name, text, message, context) => {
      await expect(read(text)).rejects.toMatchObject({
        code: 'RIVER_SQL_ERROR',
        message: expect.stringMatching(message),
        hint: expect.any(String),
        retry: false,
        context,
      });
      await expect(write(text, target('never'))).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR', context });
    });

    test('several statements where one is expected', async () => {
      await expect(read('select 1; select 2')).rejects.toMatchObject({ code: 'RIVER_SQL_MANY' });
      await expect(write(`select 1 as a; drop table ${table('x')}`, target('never'))).rejects.toMatchObject({
        code: 'RIVER_SQL_MANY',
      });
    });

    test.each(['', '-- nothing', ' ; '])('no statement at all: %j', async (text) => {
      await expect(read(text)).rejects.toMatchObject({ code: 'RIVER_SQL_EMPTY' });
    });

    test('a statement without rows where rows are expected', async () => {
      await expect(read(`create table ${table('no_rows')} (a int)`)).rejects.toMatchObject({
        code: 'RIVER_SQL_NO_RESULT',
      });
      await expect(read(`select a from ${table('no_rows')}`)).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR' });
    });

    test('a script stops at its first error and keeps what went before', async () => {
      const text = `create table ${table('kept')} (a int); insert into ${table('kept')} values ({a});\ninsert into ${table('kept')} select a from ${table('nowhere')}`;
      await expect(script(text, { a: 3 })).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR', context: ofTable });
      expect(await read(`select a from ${table('kept')}`)).toEqual([[3]]);
    });
  });

  describe('ending a statement', () => {
    const reason = new Error('cancelled by the test');
    const aborting = () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(reason), 50);
      return { signal: controller.signal };
    };

    test('a cancel ends a running query, a script and a target', async () => {
      await expect(session.query(bound(dialect.endless), options(aborting())).then(drain)).rejects.toBe(reason);
      await expect(session.script(bound(`${dialect.endless}; select 1`), options(aborting()))).rejects.toBe(reason);
      await expect(write(dialect.endless, target('never'), aborting())).rejects.toBe(reason);
      expect(await read('select 1')).toEqual([[1]]);
    }, 20_000);

    test('a cancel ends the reading of rows', async () => {
      const controller = new AbortController();
      await using result = await session.query(
        bound(`select i from ${dialect.numbers(10_000_000)}`),
        options({ signal: controller.signal }),
      );
      const reading = async () => {
        for await (const _ of result.batches()) controller.abort(reason);
      };
      await expect(reading()).rejects.toBe(reason);
    });

    test('a statement cancelled before it began does not run', async () => {
      const signal = AbortSignal.abort(reason);
      await expect(session.script(bound(`create table ${table('never')} (a int)`), options({ signal }))).rejects.toBe(
        reason,
      );
      await expect(read(`select * from ${table('never')}`)).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR' });
    });

    test('a timeout ends it with an error of its own', async () => {
      await expect(
        session.query(bound(dialect.endless), options({ timeoutMs: 100 })).then(drain),
      ).rejects.toMatchObject({
        code: 'REMOTE_WAREHOUSE_TIMEOUT',
        retry: false,
      });
      expect(await read('select 1')).toEqual([[1]]);
    }, 20_000);
  });

  describe('table targets', () => {
    test('overwrite makes the table, replaces it, and may read what it replaces', async () => {
      expect(await write(`select i, i * 2 as j from ${dialect.numbers(3)};`, target('over'))).toEqual({ rows: 3 });
      expect(
        await write(`select i + 10 as i, 'new' as other from ${table('over')} where i > 0`, target('over')),
      ).toEqual({ rows: 2 });
      expect(await read(`select * from ${table('over')} order by i`)).toEqual([
        [11, 'new'],
        [12, 'new'],
      ]);
    });

    test('overwrite makes a schema that is not there', async () => {
      const fresh = `${dialect.schema.split('.').slice(0, -1).concat('brand_new').join('.')}.t`;
      await write('select 1 as a', { kind: 'table', table: fresh, mode: 'overwrite', key: [] });
      expect(await read(`select a from ${fresh}`)).toEqual([[1]]);
    });

    test('an empty result makes an empty table with its columns', async () => {
      expect(await write(`select 1 as a, 'x' as b where 1 = 0`, target('empty'))).toEqual({ rows: 0 });
      await using result = await session.query(bound(`select * from ${table('empty')}`), options());
      expect(result.columns.map((column) => column.name)).toEqual(['a', 'b'].map(folds));
    });

    test.each(['overwrite', 'append', 'merge'] as const)('a failed %s leaves the table as it was', async (mode) => {
      const name = `failed_${mode}`;
      await write('select 0 as x', target(name));
      await expect(write(dialect.failsLate, target(name, mode, ['x']))).rejects.toMatchObject({
        code: 'RIVER_SQL_ERROR',
      });
      expect(await read(`select * from ${table(name)}`)).toEqual([[0]]);
    });

    test('append adds rows by column name and makes the table at first', async () => {
      expect(await write('select 1 as a, 2 as b', target('appended', 'append'))).toEqual({ rows: 1 });
      expect(await write('select 20 as b, 10 as a', target('appended', 'append'), { tag: tag('second') })).toEqual({
        rows: 1,
      });
      expect(await write('select 100 as a', target('appended', 'append'), { tag: tag('third') })).toEqual({ rows: 1 });
      expect(await read(`select a, b from ${table('appended')} order by a`)).toEqual([
        [1, 2],
        [10, 20],
        [100, null],
      ]);
      await expect(
        write('select 1 as zzz', target('appended', 'append'), { tag: tag('fourth') }),
      ).rejects.toMatchObject({
        code: 'RIVER_SQL_ERROR',
        message: expect.stringMatching(/zzz/i),
      });
    });

    test('append with the same tag appends once, and says how many rows it were', async () => {
      const text = `select i from ${dialect.numbers(5)}`;
      expect(await write(text, target('once', 'append'))).toEqual({ rows: 5 });
      expect(await write(text, target('once', 'append'))).toEqual({ rows: 5 });
      expect(await read(`select count(*) from ${table('once')}`)).toEqual([[5]]);
      await write(text, target('once', 'append'), { tag: { ...tag('x'), step: 'other' } });
      expect(await read(`select count(*) from ${table('once')}`)).toEqual([[10]]);
    });

    test('merge updates what is there, inserts the rest, leaves other columns and rows alone', async () => {
      await write(`select i, 'old' as note, i * 10 as kept from ${dialect.numbers(3)}`, target('merged'));
      const text = `select i + 1 as I, 'new' as note from ${dialect.numbers(3)}`;
      expect(await write(text, target('merged', 'merge', ['i']))).toEqual({ rows: 3 });
      expect(await write(text, target('merged', 'merge', ['i']))).toEqual({ rows: 3 });
      expect(await read(`select i, note, kept from ${table('merged')} order by i`)).toEqual([
        [0, 'old', 0],
        [1, 'new', 10],
        [2, 'new', 20],
        [3, 'new', null],
      ]);
    });

    test('merge makes the table at first, and works with keys alone', async () => {
      await write('select 1 as a, 2 as b', target('merge_new', 'merge', ['a', 'b']));
      await write('select 1 as a, 3 as b', target('merge_new', 'merge', ['a', 'b']));
      await write('select 1 as a, 3 as b', target('merge_new', 'merge', ['a', 'b']));
      expect(await read(`select a, b from ${table('merge_new')} order by b`)).toEqual([
        [1, 2],
        [1, 3],
      ]);
    });

    test.each([
      [
        'a null key',
        'RIVER_MERGE_KEY',
        'select 1 as k union all select null',
        { rows_without_key: 1, rows_with_duplicate_key: 0 },
      ],
      [
        'a duplicate key',
        'RIVER_MERGE_KEY',
        'select 1 as k union all select 2 union all select 1',
        { rows_without_key: 0, rows_with_duplicate_key: 1 },
      ],
      ['a key that is no column', 'RIVER_UNKNOWN_COLUMN', 'select 1 as other', { column: 'k' }],
    ])('merge refuses %s', async (_name, code, text, context) => {
      await expect(write(text, target('merge_bad', 'merge', ['k']))).rejects.toMatchObject({
        code,
        context,
      });
      await expect(read(`select * from ${table('merge_bad')}`)).rejects.toMatchObject({ code: 'RIVER_SQL_ERROR' });
    });

    test('names with quotes, dots and spaces', async () => {
      const odd = `${dialect.schema}."we ""ird"".na.me"`;
      await write('select 1 as "co l", 2 as "q""t"', { kind: 'table', table: odd, mode: 'merge', key: ['q"t'] });
      await write('select 5 as "co l", 2 as "q""t"', { kind: 'table', table: odd, mode: 'merge', key: ['q"t'] });
      expect(await read(`select "co l" from ${odd}`)).toEqual([[5]]);
      for (const wrong of ['a.b.c.d', '', 'a..b', 'a b', 'x; drop table y', '"open']) {
        await expect(write('select 1 as a', { ...target('x'), table: wrong })).rejects.toMatchObject({
          code: 'RIVER_SQL_TABLE_NAME',
        });
      }
    });

    test('a bound value in the query of a target', async () => {
      await session.writeTable(
        bound('select {x} as x, {y} as y', { x: "o'ne", y: { a: 1 } }),
        target('bound'),
        options(),
      );
      expect(await read(`select * from ${table('bound')}`)).toEqual([["o'ne", { a: 1 }]]);
    });
  });

  describe('rows of ours', () => {
    const rowsOf = async function* (...rows: Row[]) {
      yield* rows;
    };
    const put = (columns: string[], rows: AsyncIterable<Row>, to: TableTarget) =>
      session.writeRows({ columns, rows }, to, options());

    test('columns get the types that their values need', async () => {
      const columns = ['t', 'n', 'big', 'd', 'f', 'b', 'j', 'mixed', 'nothing'];
      const rows: Row[] = [
        ['x', 1, new Exact(LONG), 1.5, 1e300, true, { a: new Exact('12345678901234567890') }, 'text', null],
        ['it\'s "q" \\ \n', -2, 3, new Exact('0.12345678901234567890'), 2, false, [1], 5, null],
        [null, null, null, null, null, null, null, true, null],
      ];
      expect(await put(columns, rowsOf(...rows), target('types'))).toEqual({ rows: 3 });
      const back = await read(`select * from ${table('types')} order by n`);
      expect(back).toContainEqual(rows[0]);
      expect(back).toContainEqual([...(rows[1] as Row).slice(0, 7), '5', null]);
      expect(back).toContainEqual([null, null, null, null, null, null, null, 'true', null]);
      expect(await read(`select sum(n), max(d), max(case when b then 1 end) from ${table('types')}`)).toEqual([
        [-1, 1.5, 1],
      ]);
    });

    test('no rows make an empty table; many rows all arrive', async () => {
      expect(await put(['a'], rowsOf(), target('ours_empty'))).toEqual({ rows: 0 });
      expect(await read(`select * from ${table('ours_empty')}`)).toEqual([]);
      const many = async function* () {
        for (let i = 0; i < 10_000; i += 1) yield [i, `row ${i}`] as Row;
      };
      expect(await put(['i', 's'], many(), target('ours_many'))).toEqual({ rows: 10_000 });
      expect(await read(`select count(distinct s), sum(i) from ${table('ours_many')}`)).toEqual([[10_000, 49_995_000]]);
    });

    test('append with the same tag appends once', async () => {
      for (let twice = 0; twice < 2; twice += 1) await put(['a'], rowsOf([1], [2]), target('ours_once', 'append'));
      expect(await read(`select count(*) from ${table('ours_once')}`)).toEqual([[2]]);
    });

    test('a source that breaks leaves the table as it was', async () => {
      await put(['a'], rowsOf([1]), target('ours_broken'));
      const broken = async function* () {
        yield [2] as Row;
        throw new Error('the source broke');
      };
      await expect(put(['a'], broken(), target('ours_broken'))).rejects.toThrow('the source broke');
      expect(await read(`select a from ${table('ours_broken')}`)).toEqual([[1]]);
    });
  });

  describe('processes', () => {
    test('a large result streams in bounded memory', async () => {
      const rows = 1_000_000;
      const peak = await inChild([
        'stream',
        `select i, ${dialect.json('{"a": 1, "b": "two", "c": [3]}')} as j from ${dialect.numbers(rows)}`,
      ]);
      expect(peak.lines[0]).toBe(`rows ${rows}`);
      expect(Number(peak.lines[1]?.split(' ')[1])).toBeLessThan(400);
    });

    test('kill -9 in the middle of a target leaves the table as it was, and a retry works', async () => {
      await write('select 0 as a', target('killed'));
      await inChild(['half-written', table('killed'), 'overwrite'], 'half');
      expect(await read(`select a from ${table('killed')}`)).toEqual([[0]]);
      await inChild(['half-written', table('killed'), 'append'], 'half');
      expect(await read(`select a from ${table('killed')}`)).toEqual([[0]]);
      expect(await write('select 9 as a', target('killed'))).toEqual({ rows: 1 });
      expect(await read(`select a from ${table('killed')}`)).toEqual([[9]]);
    });

    test('kill -9 after an append, before anyone heard of it: the retry appends nothing', async () => {
      await inChild(['appended', table('crashed'), 'run-crashed'], 'done');
      const once = { tag: { run: 'run-crashed', river: 'river', step: 'step' } };
      expect(await write('select 1 as a', target('crashed', 'append'), once)).toEqual({ rows: 1 });
      expect(await read(`select a from ${table('crashed')}`)).toEqual([[1]]);
    });
  });

  test('check tells server, database and latency', async () => {
    const facts = await warehouse.check();
    expect(facts).toMatchObject({
      server: expect.stringMatching(/\d+\.\d+/),
      database: expect.any(String),
      latency: expect.stringMatching(/^\d+ ms$/),
    });
  });

  function tag(run: string) {
    return { run: `${run}-${runs}`, river: 'river', step: 'step' };
  }

  /** Runs child.ts on the same database; with `killAt`, kills it at once when it prints that line. */
  async function inChild(args: string[], killAt?: string): Promise<{ lines: string[] }> {
    if (exclusive) await closeForOthers();
    const file = fileURLToPath(new URL('./child.ts', import.meta.url));
    const child = spawn(process.execPath, [...ALL_V8_FLAGS, file, type, ...args], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    // Arguments are there for everyone to see; this may hold a password.
    child.stdin.end(JSON.stringify(database.context));
    const ended = once(child, 'exit');
    const lines: string[] = [];
    for await (const line of createInterface({ input: child.stdout })) {
      lines.push(line);
      if (line === killAt) child.kill('SIGKILL');
    }
    const [code, signal] = await ended;
    expect({ code, signal }).toEqual(killAt ? { code: null, signal: 'SIGKILL' } : { code: 0, signal: null });
    if (exclusive) {
      warehouse = await openWarehouse(type, database.context);
      session = await warehouse.session();
    }
    return { lines };
  }

  async function closeForOthers() {
    await session[Symbol.asyncDispose]();
    await warehouse[Symbol.asyncDispose]();
  }
}

async function drain(result: Awaited<ReturnType<WarehouseSession['query']>>): Promise<void> {
  await using open = result;
  for await (const _ of open.batches());
}
