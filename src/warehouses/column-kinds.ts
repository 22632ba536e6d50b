/** Which column type the values of a column need, learnt while they pass by. */
import { Exact, type Value } from '../core/values.ts';
import { decimalParts } from './decimal.ts';

/** What a column has to hold; `none`: only nulls so far. `mixed` values are written as their JSON text's content. */
export type Kind = 'none' | 'boolean' | 'integer' | 'decimal' | 'double' | 'text' | 'json';

export interface ColumnKind {
  kind: Kind;
  /** Decimals: digits before and after the point. */
  whole: number;
  scale: number;
}

export class KindCollector {
  readonly kinds: ColumnKind[];

  constructor(columns: number) {
    this.kinds = Array.from({ length: columns }, () => ({ kind: 'none', whole: 1, scale: 0 }));
  }

  add(row: readonly Value[]): void {
    for (const [index, column] of this.kinds.entries()) widen(column, row[index] ?? null);
  }
}

function widen(column: ColumnKind, value: Value): void {
  if (value === null || column.kind === 'json') return;
  const next = kindOf(value);
  if (next === 'integer' || next === 'decimal') widenDigits(column, String(value));
  column.kind = column.kind === 'none' ? next : unite(column.kind, next);
}

function kindOf(value: Exclude<Value, null>): Kind {
  if (typeof value === 'boolean') return 'boolean';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'number') return numberKind(String(value));
  if (value instanceof Exact) return /^-?\d+$/.test(value.text) ? 'integer' : 'decimal';
  return 'json';
}

function numberKind(digits: string): Kind {
  if (/^-?\d+$/.test(digits)) return 'integer';
  return /^-?\d+\.\d+$/.test(digits) ? 'decimal' : 'double';
}

function unite(a: Kind, b: Kind): Kind {
  if (a === b) return a;
  if (a === 'json' || b === 'json') return 'json';
  const both = [a, b];
  if (both.includes('text') || both.includes('boolean')) return 'text';
  return both.includes('double') ? 'double' : 'decimal';
}

function widenDigits(column: ColumnKind, digits: string): void {
  const { precision, scale } = decimalParts(digits);
  column.whole = Math.max(column.whole, precision - scale);
  column.scale = Math.max(column.scale, scale);
}
