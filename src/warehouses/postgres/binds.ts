/** Values bound to PostgreSQL statements. Each has the type that the same value written out in SQL would have. */
import { Exact, toWireJson, type Value } from '../../core/values.ts';
import type { BindStyle } from '../bound-sql.ts';

const INT32 = 2 ** 31;

/** Text has no type of its own: PostgreSQL takes it from where it stands, so each place is a bind of its own. */
export const POSTGRES_BINDS: BindStyle = {
  placeholder(position, value) {
    const type = typeOf(value);
    return type === null ? `($${position})` : `($${position}::${type})`;
  },
  shares: (value) => typeOf(value) !== null,
};

/** As PostgreSQL wants it: text or null. */
export function bindText(value: Value): string | null {
  if (value === null || typeof value === 'string') return value;
  return typeof value === 'object' && !(value instanceof Exact) ? toWireJson(value) : String(value);
}

function typeOf(value: Value): string | null {
  if (value === null || typeof value === 'string') return null;
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'number') return numberType(value);
  return value instanceof Exact ? 'numeric' : 'jsonb';
}

function numberType(value: number): string {
  if (Number.isSafeInteger(value)) return value >= -INT32 && value < INT32 ? 'integer' : 'bigint';
  return /[e]|[^\d.-]/.test(String(value)) ? 'double precision' : 'numeric';
}
