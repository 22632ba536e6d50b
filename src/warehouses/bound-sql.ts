/** From SQL cut at its references to a statement with placeholders: values are bound, names are quoted, nothing is pasted. */
import type { WarehouseType } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { splitStatements } from '../core/sql-template.ts';
import { toText, type Value } from '../core/values.ts';
import { quoteName } from './names.ts';
import type { BoundSql } from './warehouse.ts';

export interface RenderedSql {
  text: string;
  /** In the order of their first use. */
  binds: readonly Value[];
}

/** How a warehouse's statements take values. */
export interface BindStyle {
  /** Writes the placeholder of the bind with this number (from 1), casts included. */
  placeholder(position: number, value: Value): string;
  /** Whether a value used twice may be one bind, so that `group by` can repeat an expression. */
  shares(value: Value): boolean;
}

export function renderSql(statement: BoundSql, style: BindStyle): RenderedSql {
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
    const position = (style.shares(value) && positions.get(name)) || binds.push(value);
    positions.set(name, position);
    return style.placeholder(position, value);
  }
}

/** The one statement of a text, without its semicolon. */
export function onlyStatement(text: string, warehouse: WarehouseType): string {
  const statements = splitStatements(text, warehouse);
  const [only] = statements;
  if (!only) throw emptySql();
  if (statements.length === 1) return only.text;
  throw new UpriverError('RIVER_SQL_MANY', `there are ${statements.length} statements where one is expected`, {
    hint: 'Keep one, or make it a `script` step (which has no target).',
  });
}

export function emptySql(): UpriverError {
  return new UpriverError('RIVER_SQL_EMPTY', 'the SQL has no statement', {
    hint: 'Write one, or take the step out (`enabled: false` keeps it for later).',
  });
}

export function givesNoRows(): UpriverError {
  return new UpriverError('RIVER_SQL_NO_RESULT', 'the statement gives no rows', {
    hint: 'A step with a variable as its target needs a query; write other statements as a `script`.',
  });
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
