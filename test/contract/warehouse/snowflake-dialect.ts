/** What the contract's tests say to a Snowflake, real or not. */
import type { Dialect } from './suite.ts';

const numbers = (rows: number) =>
  `(select row_number() over (order by seq8()) - 1 as i from table(generator(rowcount => ${rows}))) as numbers`;

/** @param schema where the tests' tables are made, as a prefix of names */
export const SNOWFLAKE = (schema: string): Dialect => ({
  values: [
    ["'text'", '"text"'],
    ["'quo\"te \\\\ tab\\t'", '"quo\\"te \\\\ tab\\t"'],
    ['true', 'true'],
    ['1::int', '1'],
    ['(-32768)::smallint', '-32768'],
    ["'18446744073709551615'::number(38, 0)", '{"$exact":"18446744073709551615"}'],
    ["'1.50'::number(4, 2)", '1.5'],
    ["'0.0000001'::number(38, 7)", '1e-7'],
    ["'0.1'::float", '0.1'],
    ["'1e22'::float", '1e+22'],
    ["'NaN'::float", '"NaN"'],
    ["'-inf'::float", '"-Infinity"'],
    ["'2024-02-29'::date", '"2024-02-29"'],
    ["'1969-12-31'::date", '"1969-12-31"'],
    ["'2024-02-29 13:14:15'::timestamp_ntz", '"2024-02-29T13:14:15"'],
    ["'1969-12-31 23:59:59.000001'::timestamp_ntz", '"1969-12-31T23:59:59.000001"'],
    ["'1969-12-31 23:59:59'::timestamp_ntz", '"1969-12-31T23:59:59"'],
    ["'9999-12-31 23:59:59.999999'::timestamp_ntz", '"9999-12-31T23:59:59.999999"'],
    ["'2024-02-29 13:14:15.5 +02:30'::timestamp_tz", '"2024-02-29T10:44:15.5Z"'],
    ["'1969-12-31 23:59:59.25 +00:00'::timestamp_tz", '"1969-12-31T23:59:59.25Z"'],
    ["'13:14:15.25'::time", '"13:14:15.25"'],
    ["to_binary('00FF61', 'HEX')", '"AP9h"'],
    ["array_construct(1, parse_json('null'), 3)", '[1,null,3]'],
    ["object_construct('a', 1, 'b', object_construct('c', 'x'))", '{"a":1,"b":{"c":"x"}}'],
    ["object_construct('a', null)", '{}'],
    ["parse_json('[]')", '[]'],
    ["parse_json('null')", 'null'],
    ["to_variant('text')", '"text"'],
    ["object_construct('n', '12345678901234567890'::number(38, 0))", '{"n":{"$exact":"12345678901234567890"}}'],
  ],
  json: (text) => `parse_json('${text}')`,
  numbers,
  failsLate: `select case when i = 500000 then to_number('late failure') else i end as x from ${numbers(1_000_000)}`,
  endless: `select sum(a.i * b.i) as x from ${numbers(10_000_000).replace('as numbers', 'as a')}, ${numbers(10_000_000).replace('as numbers', 'as b')} where (a.i + b.i) % 7 = 3`,
  schema,
  messages: { syntax: /syntax error/, table: /NOWHERE.* does not exist/ },
  text: 'varchar',
  folds: (name) => name.toUpperCase(),
  placesTables: false,
});
