/**
 * Snowflake's functions as DuckDB macros, so that SQL written for Snowflake runs on the embedded warehouse as it is.
 * They are temporary: nothing is written to the user's files. Names that DuckDB has itself are left alone, except
 * to_timestamp, which goes on to do what DuckDB's own does and takes text besides.
 * Meanings follow https://docs.snowflake.com/en/sql-reference/functions-all.
 */

/**
 * Macros have no variable arguments: one overload for each number of pairs or elements. Each costs every new session
 * time (all of it 50 ms), elements more than pairs, so there are no more than people use.
 */
const MOST_PAIRS = 32;
const MOST_ELEMENTS = 16;

/**
 * Written once here so that the overloads below stay short: DuckDB reads short ones ten times as fast. JSON values keep their text: to_json would read them and round long decimals.
 */
const HELPERS = [
  `_json_text(v) AS CASE typeof(v) WHEN 'JSON' THEN v::VARCHAR ELSE to_json(v)::VARCHAR END`,
  `_pair(k, v) AS to_json(k::VARCHAR) || ':' || _json_text(v)`,
  `_item(v) AS coalesce(_json_text(v), 'null')`,
  `_pair_or_null(k, v) AS to_json(k::VARCHAR) || ':' || _item(v)`,
  `_array(items) AS ('[' || array_to_string(items, ',') || ']')::JSON`,
  `_object(ks, pairs) AS CASE WHEN len(list_distinct(ks)) < list_count(ks)
    THEN error('object_construct: the same key is given twice')
    ELSE ('{' || coalesce(array_to_string(pairs, ','), '') || '}')::JSON END`,
  `_date_format(f) AS replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(replace(f,
    'YYYY', '%Y'), 'YY', '%y'), 'MON', '%b'), 'MM', '%m'), 'DD', '%d'), 'DY', '%a'),
    'HH24', '%H'), 'HH12', '%I'), 'MI', '%M'), 'SS', '%S'), 'AM', '%p')`,
];

const SCALARS = [
  'iff(c, a, b) AS CASE WHEN c THEN a ELSE b END',
  'nvl(a, b) AS coalesce(a, b)',
  'nvl2(a, b, c) AS CASE WHEN a IS NOT NULL THEN b ELSE c END',
  'zeroifnull(x) AS coalesce(x, 0)',
  'nullifzero(x) AS nullif(x, 0)',
  'div0(a, b) AS CASE WHEN b = 0 THEN 0 ELSE a / b END',
  'div0null(a, b) AS CASE WHEN coalesce(b, 0) = 0 THEN 0 ELSE a / b END',
  'equal_null(a, b) AS a IS NOT DISTINCT FROM b',
  'square(x) AS x * x',
  ...['to_varchar', 'to_char'].map((name) => `${name}(x) AS x::VARCHAR, (x, f) AS strftime(x, _date_format(f))`),
  ...['to_number', 'to_decimal', 'to_numeric'].map((name) => decimalMacro(name, 'cast')),
  ...['try_to_number', 'try_to_decimal', 'try_to_numeric'].map((name) => decimalMacro(name, 'try_cast')),
  'to_double(x) AS cast(x AS DOUBLE)',
  'try_to_double(x) AS try_cast(x AS DOUBLE)',
  "to_boolean(x) AS CASE lower(x::VARCHAR) WHEN 'on' THEN true WHEN 'off' THEN false ELSE cast(x AS BOOLEAN) END",
  'try_to_boolean(x) AS try_cast(x AS BOOLEAN)',
  'to_date(x) AS cast(cast(x AS TIMESTAMP) AS DATE)',
  'try_to_date(x) AS cast(try_cast(x AS TIMESTAMP) AS DATE)',
  'to_time(x) AS cast(x AS TIME)',
  `to_timestamp(x) AS CASE WHEN try_cast(x::VARCHAR AS DOUBLE) IS NULL THEN cast(x::VARCHAR AS TIMESTAMPTZ)
    ELSE system.main.to_timestamp(try_cast(x::VARCHAR AS DOUBLE)) END`,
  `to_timestamp_ntz(x) AS CASE WHEN try_cast(x::VARCHAR AS DOUBLE) IS NULL THEN cast(x::VARCHAR AS TIMESTAMP)
    ELSE make_timestamp((try_cast(x::VARCHAR AS DOUBLE) * 1000000)::BIGINT) END`,
  'try_to_timestamp(x) AS try_cast(x AS TIMESTAMP)',
  `dateadd(part, n, x) AS x + CASE lower(part) WHEN 'year' THEN to_years(n) WHEN 'quarter' THEN to_quarters(n)
    WHEN 'month' THEN to_months(n) WHEN 'week' THEN to_weeks(n) WHEN 'day' THEN to_days(n) WHEN 'hour' THEN to_hours(n)
    WHEN 'minute' THEN to_minutes(n) WHEN 'second' THEN to_seconds(n) ELSE error('dateadd: unknown part ' || part) END`,
  'add_months(x, n) AS x + to_months(n)',
  'getdate() AS now()',
  'startswith(a, b) AS starts_with(a, b)',
  'endswith(a, b) AS ends_with(a, b)',
  'charindex(a, b) AS instr(b, a)',
  'regexp_like(x, p) AS regexp_full_match(x, p)',
  'rlike(x, p) AS regexp_full_match(x, p)',
  `sha2(x) AS sha256(x), (x, bits) AS CASE WHEN bits = 256 THEN sha256(x) ELSE error('sha2: DuckDB has 256 bits only') END`,
  'uuid_string() AS uuid()::VARCHAR',
  "parse_json(x) AS nullif(trim(x::VARCHAR), '')::JSON",
  "try_parse_json(x) AS try_cast(nullif(trim(x::VARCHAR), '') AS JSON)",
  'to_variant(x) AS _json_text(x)::JSON',
  'object_keys(x) AS json_keys(_json_text(x)::JSON)',
  `array_size(x) AS CASE WHEN json_type(_json_text(x)::JSON) = 'ARRAY' THEN json_array_length(_json_text(x)::JSON) END`,
];

/** The statements that a session runs before anything else. */
export function compatibilityMacros(): string {
  const all = [
    ...HELPERS,
    ...SCALARS,
    `object_construct${objectOverloads('_pair')}`,
    `object_construct_keep_null${objectOverloads('_pair_or_null')}`,
    `array_construct${arrayOverloads()}`,
  ];
  return all.map((macro) => `CREATE OR REPLACE TEMP MACRO ${macro};`).join('\n');
}

/** Snowflake's default is a whole number, rounded. */
function decimalMacro(name: string, cast: 'cast' | 'try_cast'): string {
  return `${name}(x) AS ${cast}(x AS DECIMAL(38, 0)), (x, p, s) AS round(${cast}(x AS DECIMAL(38, 12)), s)`;
}

function objectOverloads(pair: string): string {
  const overloads = ["() AS '{}'::JSON"];
  for (let count = 1; count <= MOST_PAIRS; count += 1) {
    const numbers = upTo(count);
    const pairs = numbers.map((n) => `${pair}(k${n}, v${n})`);
    overloads.push(
      `(${numbers.map((n) => `k${n}, v${n}`).join(', ')}) AS _object([${numbers.map((n) => `k${n}`)}], [${pairs}])`,
    );
  }
  return overloads.join(', ');
}

function arrayOverloads(): string {
  const overloads = ["() AS '[]'::JSON"];
  for (let count = 1; count <= MOST_ELEMENTS; count += 1) {
    const numbers = upTo(count);
    const items = numbers.map((n) => `_item(v${n})`);
    overloads.push(`(${numbers.map((n) => `v${n}`)}) AS _array([${items}])`);
  }
  return overloads.join(', ');
}

function upTo(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index + 1);
}
