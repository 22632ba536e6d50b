/** DuckDB against the contract, and what is DuckDB's own: files, locks, Snowflake's functions, the walkthrough. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { testWarehouse } from './suite.ts';

testWarehouse({
  type: 'duckdb',
  exclusive: true,
  async setUp() {
    const projectDir = await mkdtemp(join(tmpdir(), 'upriver-duckdb-'));
    const config = { path: 'warehouse.duckdb', attach: { INTERNAL: 'internal.duckdb' } };
    return {
      context: { name: 'warehouse', projectDir, config },
      tearDown: () => rm(projectDir, { recursive: true }),
    };
  },
  dialect: {
    values: [
      ["'text'", '"text"'],
      ["'quo\"te \\ tab\t'", '"quo\\"te \\\\ tab\\t"'],
      ['true', 'true'],
      ['cast(1 as tinyint)', '1'],
      ['cast(-32768 as smallint)', '-32768'],
      ['cast(4294967295 as uinteger)', '4294967295'],
      ['cast(18446744073709551615 as ubigint)', '{"$exact":"18446744073709551615"}'],
      [
        'cast(170141183460469231731687303715884105727 as hugeint)',
        '{"$exact":"170141183460469231731687303715884105727"}',
      ],
      ['cast(1.50 as decimal(4, 2))', '1.5'],
      ['cast(0.1 as double)', '0.1'],
      ['cast(0.1 as float)', '0.1'],
      ['cast(1e22 as double)', '1e+22'],
      ["cast('nan' as double)", '"NaN"'],
      ["cast('-inf' as double)", '"-Infinity"'],
      ["cast('inf' as float)", '"Infinity"'],
      ["date '2024-02-29'", '"2024-02-29"'],
      ["date '0044-03-15 (BC)'", '"0044-03-15 (BC)"'],
      ["timestamp '2024-02-29 13:14:15'", '"2024-02-29T13:14:15"'],
      ["timestamp '1969-12-31 23:59:59.000001'", '"1969-12-31T23:59:59.000001"'],
      ["timestamp_ns '2024-02-29 13:14:15.123456789'", '"2024-02-29T13:14:15.123456789"'],
      ["timestamptz '2024-02-29 13:14:15.5+02:30'", '"2024-02-29T10:44:15.5Z"'],
      ["time '13:14:15.25'", '"13:14:15.25"'],
      ["interval '1 year 2 days 3 hours'", '"1 year 2 days 03:00:00"'],
      ["uuid '00112233-4455-6677-8899-aabbccddeeff'", '"00112233-4455-6677-8899-aabbccddeeff"'],
      ["'\\x00\\xFFa'::blob", '"AP9h"'],
      ["'b'::enum('a', 'b')", '"b"'],
      ['[1, null, 3]', '[1,null,3]'],
      ['[1, 2]::int[2]', '[1,2]'],
      ["{{'a': 1, 'b': {{'c': date '2024-01-01'}}", '{"a":1,"b":{"c":"2024-01-01"}}'],
      ["map {{'k': [1], 'l': null}", '{"k":[1],"l":null}'],
      ['map {{7: true}', '{"7":true}'],
      ["union_value(n := 'x')", '"x"'],
      ["[{{'j': '{{\"z\": 1}'::json}]", '[{"j":{"z": 1}}]'],
      ['\'[1, NaN, -Infinity, "NaN",]\'::json', '[1,"NaN","-Infinity","NaN"]'],
      ["'null'::json", 'null'],
    ],
    json: (text) => `'${text}'::json`,
    numbers: (rows) => `range(${rows}) as numbers(i)`,
    failsLate:
      "select case when i = 500000 then error('late failure') else i end as x from range(1000000) as numbers(i)",
    endless:
      'select sum(a.i * b.i) as x from range(10000000) as a(i), range(10000000) as b(i) where (a.i + b.i) % 7 = 3',
    schema: 'INTERNAL.main',
    messages: { syntax: /syntax error/, table: /nowhere/ },
    text: 'varchar',
  },
});
