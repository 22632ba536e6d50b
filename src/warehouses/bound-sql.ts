/** From SQL cut at its references to statements with placeholders: values are bound, names are quoted, nothing is pasted. */
import type { WarehouseType } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { splitStatements } from '../core/sql-template.ts';
import { toText, type Value } from '../core/values.ts';
import { quoteName } from './names.ts';
import type { BoundSql } from './warehouse.ts';

export interface RenderedSql {
  text: string;
  /** In the order of their placeholders' numbers. */
  binds: readonly Value[];
}

/** One statement of a script. */
export interface RenderedStatement extends RenderedSql {
  /** Lines of the script before it. */
  lines: number;
}

/** How a warehouse's statements take values. */
export interface BindStyle {
  /** Writes the placeholder of the bind with this number (from 1), casts included. */
  placeholder(position: number, value: Value): string;
  /** Whether a value used twice may be one bind, so that `group by` can repeat an expression. */
  shares(value: Value): boolean;
}

/** Stands for part n of the SQL until placeholders are numbered: NUL is in no SQL. */
const MARK = /\0(\d+)\0/g;

/** Statement by statement, without semicolons, each with binds of its own. */
export function renderScript(script: BoundSql, style: BindStyle, warehouse: WarehouseType): RenderedStatement[] {
  const text = mark(script);
  const statements = splitStatements(text, warehouse);
  if (statements.length === 0) throw emptySql();
  return statements.map((each) => ({
    ...fill(each.text, script, style),
    lines: text.slice(0, each.start).split('\n').length - 1,
  }));
}

/** The one statement that there may be, without its semicolon. */
export function renderOne(statement: BoundSql, style: BindStyle, warehouse: WarehouseType): RenderedStatement {
  const statements = renderScript(statement, style, warehouse);
  if (statements.length === 1) return statements[0] as RenderedStatement;
  throw new UpriverError('RIVER_SQL_MANY', `there are ${statements.length} statements where one is expected`, {
    hint: 'Keep one, or make it a `script` step (which has no target).',
  });
}

/** All statements as one text, for a warehouse that takes them in one request. */
export function renderWhole(script: BoundSql, style: BindStyle): RenderedSql {
  return fill(mark(script), script, style);
}

export function givesNoRows(): UpriverError {
  return new UpriverError('RIVER_SQL_NO_RESULT', 'the statement gives no rows', {
    hint: 'A step with a variable as its target needs a query; write other statements as a `script`.',
  });
}

function emptySql(): UpriverError {
  return new UpriverError('RIVER_SQL_EMPTY', 'the SQL has no statement', {
    hint: 'Write one, or take the step out (`enabled: false` keeps it for later).',
  });
}

function mark({ sql, values }: BoundSql): string {
  return sql
    .map((part, index) => {
      if (typeof part === 'string') return part;
      return 'identifier' in part ? identifier(part.identifier, values) : `\0${index}\0`;
    })
    .join('');
}

function fill(text: string, { sql, values }: BoundSql, style: BindStyle): RenderedSql {
  const positions = new Map<string, number>();
  const binds: Value[] = [];
  const filled = text.replace(MARK, (_, index) => {
    const path = (sql[Number(index)] as { bind: string[] }).bind;
    const value = valueAt(path, values);
    const name = path.join('.');
    const position = (style.shares(value) && positions.get(name)) || binds.push(value);
    positions.set(name, position);
    return style.placeholder(position, value);
  });
  return { text: filled, binds };
}

function identifier(path: readonly string[], values: BoundSql['values']): string {
  const name = toText(valueAt(path, values));
  if (name !== '' && !name.includes('\0')) return quoteName(name);
  throw new UpriverError('RIVER_SQL_IDENTIFIER', `{${path.join('.')}|identifier} is empty: it cannot name anything`, {
    hint: 'Give the variable a value, or make the step depend on a condition.',
  });
}

function valueAt(path: readonly string[], values: BoundSql['values']): Value {
  const value = values[path.join('.')];
  if (value !== undefined) return value;
  throw new UpriverError('INTERNAL_SQL_VALUE', `no value was supplied for {${path.join('.')}}`, {
    hint: 'This is a bug in upriver: please report it with the river file.',
  });
}
