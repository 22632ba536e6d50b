/** Column names read off a query's text: the same as the warehouse's, or none at all. */
import { DuckDBInstance } from '@duckdb/node-api';
import { parseSql } from '../../../src/core/sql-template.ts';
import { selectedColumns } from '../../../src/language/select-list.ts';

const columnsOf = (text: string) => selectedColumns(parseSql(text, 'duckdb'), 'duckdb');

/** A table with columns for whatever the queries below name. */
const TABLE = `create table t as select 1 as deal_id, 'x' as name, {'b': 2} as a, [1, 2] as list, date '2020-01-01' as day, 1 as "Größe ä", 1 as "values"`;

const READ: [string, string[]][] = [
  ['select deal_id from t', ['deal_id']],
  ['SELECT t.deal_id, NAME FROM t WHERE deal_id = 1 order by 1;', ['deal_id', 'NAME']],
  [
    'select count(*) as n, \'a, b from c\' as "My name", /* , x */ max(deal_id) as m -- , y\n from t',
    ['n', 'My name', 'm'],
  ],
  ['select distinct deal_id, "Größe ä" from t', ['deal_id', 'Größe ä']],
  ['select a.b, t.a.b as c, list[1] as d from t', ['b', 'c', 'd']],
  [
    "select extract(day from day) as a, trim(both 'x' from name) as b, (select 1 from t) as c, {'a': 1, 'b': [1, 2]} as d from t",
    ['a', 'b', 'c', 'd'],
  ],
  ['with x as (select 1 as p, 2 as q from t), y as (select * from x) select p, q as r from y', ['p', 'r']],
  [
    'select deal_id * 2 as twice, deal_id::varchar as text, case when deal_id = 1 then 2 end as c from t',
    ['twice', 'text', 'c'],
  ],
  ['select 1 as one, {n} as two', ['one', 'two']],
];

test.each(READ)('%s', async (text, expected) => {
  expect(columnsOf(text)).toEqual(expected);
  const instance = await DuckDBInstance.create(':memory:');
  const connection = await instance.connect();
  await connection.run(TABLE);
  const result = await connection.run(text.replaceAll('{n}', '2'));
  const real = result.columnNames().map((name) => name.toLowerCase());
  expect(expected.map((name) => name.toLowerCase())).toEqual(real);
  connection.disconnectSync();
  instance.closeSync();
});

test.each([
  'select * from t',
  'select t.* from t',
  'select * exclude (name) from t',
  'select deal_id, t.* as x from t',
  'select columns(*) as x from t',
  'select unnest(a) as x from t',
  'select deal_id id from t',
  'select deal_id + 1 from t',
  'select count(*) from t',
  'select deal_id, from t',
  'select deal_id, deal_id from t',
  'select deal_id as a union all select name as b',
  'select deal_id from t union by name select name from t',
  'select deal_id is distinct from 1 as x, name from t',
  "select listagg(name, ',') within group (order by name) as l from t",
  'select distinct on (deal_id) deal_id from t',
  'select top 3 deal_id from t',
  'select deal_id into x from t',
  'select current_date, null from t',
  'select {n|identifier} as a, {n|identifier} from t',
  'select $1 as a, $2 from t',
  'select deal_id; select name',
  'from t select deal_id',
  '(select deal_id from t)',
  'values (1)',
  'with x as (select 1) insert into t select 2 as b',
  'insert into t (deal_id) select 2 as b returning deal_id',
  'describe select deal_id from t',
  `select 1 as ${'long'.repeat(20)}`,
  'call something()',
  '',
])('not for sure: %s', (text) => {
  expect(columnsOf(text)).toBeNull();
});

test("each warehouse's own literals and comments", () => {
  const text = "select 'it\\'s, x from y' as a, // , b\n c from t";
  expect(selectedColumns(parseSql(text, 'snowflake'), 'snowflake')).toEqual(['a', 'c']);
});
