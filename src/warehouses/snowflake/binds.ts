/** Values bound to Snowflake statements. Each has the type that the same value written out in SQL would have. */
import type { Bind } from 'snowflake-sdk';
import { UpriverError } from '../../core/errors.ts';
import { Exact, toWireJson, type Value } from '../../core/values.ts';
import type { BindStyle } from '../bound-sql.ts';
import { decimalParts } from '../decimal.ts';

const MAX_DIGITS = 38;
const MAX_SCALE = 37;

/** Numbered, so that a value that stands twice is one value to `group by`. What the driver sends as text is cast. */
export const SNOWFLAKE_BINDS: BindStyle = {
  placeholder(position, value) {
    const place = `:${position}`;
    if (goesAsItIs(value)) return `(${place})`;
    if (typeof value === 'object' && !(value instanceof Exact)) return `PARSE_JSON(${place})`;
    const digits = String(value);
    if (typeof value === 'number' && digits.includes('e')) return `(${place}::DOUBLE)`;
    return `(${place}::NUMBER(${MAX_DIGITS}, ${scaleOf(digits)}))`;
  },
  shares: () => true,
};

/** As the driver takes them. */
export function driverBinds(values: readonly Value[]): Bind[] {
  return values.map((value) => {
    if (goesAsItIs(value)) return value;
    return typeof value === 'object' && !(value instanceof Exact) ? toWireJson(value) : String(value);
  });
}

/** Other numbers would go as doubles. */
function goesAsItIs(value: Value): value is null | boolean | string | number {
  return value === null || typeof value === 'boolean' || typeof value === 'string' || Number.isSafeInteger(value);
}

function scaleOf(digits: string): number {
  const { precision, scale } = decimalParts(digits);
  if (precision <= MAX_DIGITS && scale <= MAX_SCALE) return scale;
  throw new UpriverError(
    'RIVER_SQL_BIND',
    `the number ${digits} has more than ${MAX_DIGITS} digits: Snowflake cannot hold it exactly`,
    { hint: 'Make it text in the river (or in the query that it comes from).' },
  );
}
