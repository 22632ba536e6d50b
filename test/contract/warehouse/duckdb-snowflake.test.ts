/** SQL written for Snowflake, on the embedded DuckDB: the walkthrough as written, and function by function. */
import { parseSql } from '../../../src/core/sql-template.ts';
import { openWarehouse, type Warehouse, type WarehouseSession } from '../../../src/warehouses/index.ts';

let warehouse: Warehouse;
let session: WarehouseSession;
const options = { signal: new AbortController().signal, timeoutMs: null, tag: { run: 'r', river: 'r', step: 's' } };

beforeAll(async () => {
  const config = { path: ':memory:', attach: { INTERNAL: ':memory:' } };
  warehouse = await openWarehouse('duckdb', { name: 'warehouse', projectDir: '.', config });
  session = await warehouse.session();
});
afterAll(async () => {
  await session[Symbol.asyncDispose]();
  await warehouse[Symbol.asyncDispose]();
});

async function texts(sql: string): Promise<string[]> {
  await using result = await session.query({ sql: [sql], values: {} }, options);
  return (await Array.fromAsync(result.batches())).flat();
}

test('the walkthrough runs as written', async () => {
  const table = 'INTERNAL.AUTOMATION.TRIAL_DEALS_PROPERTIES';
  await session.script(
    {
      sql: parseSql(`create schema INTERNAL.ODS;
        create table INTERNAL.ODS.HUBSPOT_DEALS as select * from (values
          ('d1', 'a1', false), ('d2', 'a2', false), ('d3', 'a1', true)) as t(deal_id, rivery_account_id, isdeleted);
        create table INTERNAL.ODS.RIVER_EXECUTIONS as select * from (values
          ('a1', 'trial', 'r1', 'x1', 'mysql'), ('a1', 'trial', 'r1', 'x2', 'mysql'), ('a1', 'trial', 'r2', 'x3', 's3'),
          ('a2', 'paying', 'r3', 'x4', 's3')) as t(rivery_account_id, account_type, river_id, run_id, datasource_type)`),
      values: {},
    },
    options,
  );
  const usage = `select deals.deal_id, runs.rivery_account_id, runs.rivery_num_of_rivers, runs.rivery_executions, runs.rivery_data_sources
from "INTERNAL"."ODS"."HUBSPOT_DEALS" deals
inner join (select rivery_account_id, count(distinct river_id) as rivery_num_of_rivers, count(distinct run_id) as rivery_executions,
                   count(distinct datasource_type) as rivery_data_sources
            from INTERNAL.ODS.RIVER_EXECUTIONS where account_type = 'trial' group by rivery_account_id) runs
  on deals.rivery_account_id = runs.rivery_account_id
where deals.isdeleted = FALSE;`;
  const target = { kind: 'table', table, mode: 'overwrite', key: [] } as const;
  expect(await session.writeTable({ sql: parseSql(usage), values: {} }, { ...target, key: [] }, options)).toEqual({
    rows: 1,
  });
  expect(
    await texts(`select deal_id, object_construct('rivery_num_of_rivers', rivery_num_of_rivers, 'rivery_executions', rivery_executions,
    'rivery_data_sources', rivery_data_sources) as property_values from "INTERNAL"."AUTOMATION"."TRIAL_DEALS_PROPERTIES" group by deal_id, rivery_num_of_rivers, rivery_executions, rivery_data_sources`),
  ).toEqual(['["d1",{"rivery_num_of_rivers":2,"rivery_executions":3,"rivery_data_sources":2}]']);
});

const NINES = '99999999999999999999999999999999999999';

test.each([
  ['object_construct()', '{}'],
  ["object_construct('a', null, 'b', {'x': null})", '{"b":{"x":null}}'],
  ["object_construct('a', null)", '{}'],
  ["object_construct(null, 1, 'b', 2)", '{"b":2}'],
  ["object_construct('a', 'null'::json)", '{"a":null}'],
  ["object_construct('k\"', 'v\"', 'n', 1.50, 't', true)", '{"k\\"":"v\\"","n":1.5,"t":true}'],
  [`object_construct('n', ${NINES}::hugeint)`, `{"n":{"$exact":"${NINES}"}}`],
  ["object_construct('j', '{\"n\": 12345678901234567.25}'::json)", '{"j":{"n":{"$exact":"12345678901234567.25"}}}'],
  ["object_construct('d', date '2024-01-02', 'nan', 'nan'::double)", '{"d":"2024-01-02","nan":"NaN"}'],
  [
    `object_construct(${Array.from({ length: 32 }, (_, i) => `'k${i}', null`)}, 'last', 1)`.replace("'k0', null,", ''),
    '{"last":1}',
  ],
  ["object_construct_keep_null('a', null, 'b', 1)", '{"a":null,"b":1}'],
  ["(select array_agg(object_construct('i', i) order by i) from range(2) as t(i))", '[{"i":0},{"i":1}]'],
  ["(select object_construct('n', count(*), 'sum', sum(i)) from range(4) as t(i))", '{"n":4,"sum":6}'],
  ["array_construct(1, 'a', null, array_construct())", '[1,"a",null,[]]'],
  ["array_size(parse_json('[1, 2]'))", '2'],
  ['array_size([1, 2, 3])', '3'],
  ["array_size(parse_json('1'))", 'null'],
  ["object_keys(object_construct('z', 1, 'a', 2))", '["z","a"]'],
  ["iff(1 > 2, 'yes', 'no')", '"no"'],
  ['nvl(null, 3)', '3'],
  ["nvl2(null, 'set', 'unset')", '"unset"'],
  ['zeroifnull(null)', '0'],
  ['nullifzero(0)', 'null'],
  ['div0(1, 0)', '0'],
  ['div0null(1, null)', '0'],
  ['equal_null(null, null)', 'true'],
  ['square(3)', '9'],
  ['to_varchar(1.5)', '"1.5"'],
  ["to_char(timestamp '2024-02-03 14:05:06', 'YYYY-MM-DD HH24:MI:SS')", '"2024-02-03 14:05:06"'],
  ["to_number('12.6')", '13'],
  ["to_decimal('12.345', 10, 2)", '12.35'],
  ["try_to_number('x')", 'null'],
  ["to_double('1.5')", '1.5'],
  ["to_boolean('on')", 'true'],
  ["try_to_boolean('maybe')", 'null'],
  ["to_date('2024-01-02 03:04:05')", '"2024-01-02"'],
  ["try_to_date('soon')", 'null'],
  ['to_timestamp(1.5)', '"1970-01-01T00:00:01.5Z"'],
  ["to_timestamp('2024-01-02 03:04:05')", '"2024-01-02T03:04:05Z"'],
  ["to_timestamp_ntz('2024-01-02')", '"2024-01-02T00:00:00"'],
  ['to_timestamp_ntz(60)', '"1970-01-01T00:01:00"'],
  ["dateadd('day', -1, date '2024-03-01')", '"2024-02-29T00:00:00"'],
  ["datediff('day', date '2024-01-01', date '2024-02-01')", '31'],
  ["add_months(date '2024-01-31', 1)", '"2024-02-29T00:00:00"'],
  ["startswith('abc', 'a') and endswith('abc', 'c') and contains('abc', 'b')", 'true'],
  ["charindex('b', 'abc')", '2'],
  ["regexp_like('abc', 'a.c')", 'true'],
  ["sha2('abc', 256)", '"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"'],
  ["parse_json(' ')", 'null'],
  ["try_parse_json('{')", 'null'],
  ["to_variant('x')", '"x"'],
  ["to_json({'a': 1})", '{"a":1}'],
  ["listagg('a', ',')", '"a"'],
])('%s', async (expression, json) => {
  expect(await texts(`select ${expression} as x`)).toEqual([`[${json}]`]);
});

test.each([
  ["object_construct('a', 1, 'a', 2)", 'the same key is given twice'],
  ["object_construct('a', 1, 'b')", 'does not support'],
  ["parse_json('{')", 'Malformed JSON'],
  ["to_number('x')", 'x'],
  ["sha2('abc', 512)", '256 bits only'],
])('%s is an error', async (expression, message) => {
  await expect(texts(`select ${expression}`)).rejects.toMatchObject({
    code: 'RIVER_SQL_ERROR',
    message: expect.stringContaining(message),
  });
});

test('a pivot, of which DuckDB makes several statements', async () => {
  expect(await texts("pivot (select 'a' as k, 1 as v union all select 'b', 2) on k using sum(v)")).toEqual(['[1,2]']);
});

test("nothing of it is written to the user's files", async () => {
  expect(await texts("select count(*) from duckdb_functions() where not internal and database_name <> 'temp'")).toEqual(
    ['[0]'],
  );
});
