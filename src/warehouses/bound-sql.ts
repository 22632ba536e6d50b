/** From SQL cut at its references to a statement with placeholders: values are bound, names are quoted, nothing is pasted. */
import { UpriverError } from '../core/errors.ts';
import { toText, type Value } from '../core/values.ts';
import { quoteName } from './names.ts';
import type { BoundSql } from './warehouse.ts';

export interface RenderedSql {
  text: string;
  /** In the order of their first use; one value used twice is one bind, so that `group by` may repeat an expression. */
  binds: readonly Value[];
}

/** Writes the placeholder of the bind with this number (from 1), casts included. */
export type Placeholder = (position: number, value: Value) => string;

export function renderSql(statement: BoundSql, placeholder: Placeholder): RenderedSql {
  const positions = new Map<string, number>();
  const binds: Value[] = [];
  let text = '';
  for (const part of statement.sql) {
    if (typeof part === 'string') text += part;
    else if ('identifier' in part) text += identifierOf(statement, part.identifier);
    else text += bind(part.bind);
  }
  return { text, binds };

  function bind(path: readonly string[]): string {
    const value = suppliedValue(statement, path);
    const name = path.join('.');
    const position = positions.get(name) ?? binds.push(value);
    positions.set(name, position);
    return placeholder(position, value);
  }
}

function identifierOf(statement: BoundSql, path: readonly string[]): string {
  const name = toText(suppliedValue(statement, path));
  if (name !== '' && !name.includes('\0')) return quoteName(name);
  throw new UpriverError('RIVER_SQL_IDENTIFIER', `{${path.join('.')}|identifier} is empty: it cannot name anything`, {
    hint: 'Give the variable a value, or make the step depend on a condition.',
  });
}

function suppliedValue(statement: BoundSql, path: readonly string[]): Value {
  const value = statement.values[path.join('.')];
  if (value !== undefined) return value;
  throw new UpriverError('INTERNAL_SQL_VALUE', `no value was supplied for {${path.join('.')}}`, {
    hint: 'This is a bug in upriver: please report it with the river file.',
  });
}
