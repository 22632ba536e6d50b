/** PostgreSQL against the contract, on a real server. */
import { type Postgres, startPostgres } from '../../helpers/postgres.ts';
import { testWarehouse } from './suite.ts';

let server: Postgres;

testWarehouse({
  type: 'postgres',
  exclusive: false,
  async setUp() {
    server = await startPostgres();
    return {
      context: { name: 'pg', projectDir: '.', config: { url: await server.freshDatabase() } },
      tearDown: () => server.stop(),
    };
  },
  dialect: {
    values: [
      ["'text'", '"text"'],
      ["'quo\"te \\ tab\t'", '"quo\\"te \\\\ tab\\t"'],
      ['true', 'true'],
      ['(-32768)::int2', '-32768'],
      ['9223372036854775807', '{"$exact":"9223372036854775807"}'],
      ["'1.50'::numeric", '1.5'],
      ["'NaN'::numeric", '"NaN"'],
      ["'1e-7'::numeric", '1e-7'],
      ["'0.1'::float8", '0.1'],
      ["'0.1'::float4", '0.1'],
      ["'1e22'::float8", '1e+22'],
      ["'NaN'::float8", '"NaN"'],
      ["'-Infinity'::float8", '"-Infinity"'],
      ["date '2024-02-29'", '"2024-02-29"'],
      ["date '0044-03-15 BC'", '"0044-03-15 BC"'],
      ["timestamp '2024-02-29 13:14:15'", '"2024-02-29T13:14:15"'],
      ["timestamp '1969-12-31 23:59:59.000001'", '"1969-12-31T23:59:59.000001"'],
      ["timestamptz '2024-02-29 13:14:15.5+02:30'", '"2024-02-29T10:44:15.5Z"'],
      ["'infinity'::timestamptz", '"infinity"'],
      ["time '13:14:15.25'", '"13:14:15.25"'],
      ["interval '1 year 2 days 3 hours'", '"1 year 2 days 03:00:00"'],
      ["'00112233-4455-6677-8899-aabbccddeeff'::uuid", '"00112233-4455-6677-8899-aabbccddeeff"'],
      ["'\\x00ff61'::bytea", '"AP9h"'],
      ['array[1, null, 3]', '[1,null,3]'],
      ["array[array['a', 'b'], array['NULL', 'c,d}\"']]", '[["a","b"],["NULL","c,d}\\""]]'],
      ["array['9007199254740993'::int8]", '[{"$exact":"9007199254740993"}]'],
      ["'[0:1]={{1,2}'::int[]", '[1,2]'],
      ["'{{}'::int[]", '[]'],
      ['array[\'{{"a": 1}\'::jsonb]', '[{"a": 1}]'],
      ["array[timestamptz '2024-01-01 00:00:00Z']", '["2024-01-01T00:00:00Z"]'],
      ["'10.0.0.1'::inet", '"10.0.0.1"'],
      ["'12.34'::numeric::money::text", '"$12.34"'],
      ['int4range(1, 5)', '"[1,5)"'],
      ["'null'::jsonb", 'null'],
      ['\'{{"a": 1e400}\'::json', '{"a":{"$exact":"1e400"}}'],
    ],
    json: (text) => `'${text}'::jsonb`,
    numbers: (rows) => `generate_series(0, ${rows - 1}) as numbers(i)`,
    failsLate: 'select 1 / (i - 500000) as x from generate_series(0, 999999) as numbers(i)',
    endless: 'select pg_sleep(100000)::text as x',
    schema: 'public',
    messages: { syntax: /syntax error/, table: /nowhere/ },
    text: 'text',
  },
});
