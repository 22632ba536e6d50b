/** Values bound to DuckDB statements. Each has the type that the same value written out in SQL would have. */
import {
  BIGINT,
  DuckDBDecimalValue,
  type DuckDBPreparedStatement,
  type DuckDBType,
  type DuckDBValue,
  INTEGER,
} from '@duckdb/node-api';
import { UpriverError } from '../../core/errors.ts';
import { Exact, isObject, toWireJson, type Value } from '../../core/values.ts';
import type { BindStyle } from '../bound-sql.ts';
import { decimalParts } from '../decimal.ts';

const MAX_DIGITS = 38;
const INT32 = 2 ** 31;

/** Named, so that a `?` or `$1` of the user's own is not taken for one of ours; in brackets, so that any word may stand before it. */
export const DUCKDB_BINDS: BindStyle = {
  placeholder: (position, value) => (isJson(value) ? `($p${position}::JSON)` : `($p${position})`),
  shares: () => true,
};

/** Binds those of the values that this statement (of a script) uses. */
export function bindAll(prepared: DuckDBPreparedStatement, binds: readonly Value[]): void {
  for (let index = 1; index <= prepared.parameterCount; index += 1) {
    const name = prepared.parameterName(index);
    const position = /^p(\d+)$/.exec(name)?.[1];
    if (position === undefined || Number(position) > binds.length) throw foreignParameter(name);
    bindOne(prepared, index, binds[Number(position) - 1] as Value);
  }
}

function bindOne(prepared: DuckDBPreparedStatement, index: number, value: Value): void {
  const [bound, type] = typed(value);
  prepared.bindValue(index, bound, type);
}

function typed(value: Value): [DuckDBValue, DuckDBType?] {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return [value];
  if (value instanceof Exact) return [exactValue(value.text)];
  if (typeof value !== 'number') return [toWireJson(value)];
  if (!Number.isSafeInteger(value)) return [fractionValue(value)];
  return value >= -INT32 && value < INT32 ? [value, INTEGER] : [BigInt(value), BIGINT];
}

/** 0.5 is a DECIMAL as in SQL; what is written with an exponent is a DOUBLE. */
function fractionValue(value: number): DuckDBValue {
  const digits = String(value);
  return digits.includes('e') || !Number.isFinite(value) ? value : exactValue(digits);
}

function exactValue(digits: string): DuckDBValue {
  const { units, scale, precision } = decimalParts(digits);
  if (precision <= MAX_DIGITS) return new DuckDBDecimalValue(units, MAX_DIGITS, scale);
  throw new UpriverError(
    'RIVER_SQL_BIND',
    `the number ${digits} has more than ${MAX_DIGITS} digits: DuckDB cannot hold it exactly`,
    {
      hint: 'Make it text in the river (or in the query that it comes from).',
    },
  );
}

function isJson(value: Value): boolean {
  return Array.isArray(value) || isObject(value);
}

function foreignParameter(name: string): UpriverError {
  return new UpriverError(
    'RIVER_SQL_BIND',
    `the SQL has a parameter of its own ("${name}"), and nothing gives it a value`,
    {
      hint: 'Write {name} for a value of the river; inside a literal write it as it is.',
    },
  );
}
