/**
 * The column names of a query, where they can be read off its text without a doubt: one plain select whose every item
 * is a column or has an `as`. Anything else is null: the warehouse knows better.
 */
import type { SqlText, WarehouseType } from '../contracts/plan.ts';
import { lexSql } from '../core/sql-template.ts';

interface Token {
  kind: 'word' | 'name' | 'other';
  /** Of a quoted name without its quotes. */
  text: string;
}

export function selectedColumns(sql: SqlText, warehouse: WarehouseType): string[] | null {
  const tokens = tokensOf(sql, warehouse);
  if (tokens === null) return null;
  const list = selectList(tokens);
  const columns = list && itemsOf(list).map(columnOf);
  if (!columns || columns.includes(null)) return null;
  const names = columns as string[];
  // Warehouses rename columns that stand there twice, and cut long names.
  const unique = new Set(names.map((name) => name.toLowerCase())).size === names.length;
  return unique && names.every((name) => name.length <= 60) ? names : null;
}

const TOKEN = /[\p{L}_][\p{L}\p{N}_$]*|\d[\w.]*|[^\s]/gu;

/** Null: a name that is known at run time only. */
function tokensOf(sql: SqlText, warehouse: WarehouseType): Token[] | null {
  const tokens: Token[] = [];
  for (const part of sql) {
    if (typeof part !== 'string') {
      if ('identifier' in part) return null;
      tokens.push({ kind: 'other', text: '?' });
      continue;
    }
    for (const { kind, text } of lexSql(part, warehouse)) {
      if (kind === 'literal') tokens.push({ kind: 'other', text: "''" });
      if (kind === 'name') tokens.push({ kind: 'name', text: text.slice(1, -1).replaceAll('""', '"') });
      if (kind === 'code') tokens.push(...(text.match(TOKEN) ?? []).map(tokenOf));
    }
  }
  return tokens;
}

function tokenOf(text: string): Token {
  return { kind: /^[\p{L}_]/u.test(text) ? 'word' : 'other', text };
}

const is = (token: Token | undefined, ...words: string[]): boolean =>
  token?.kind === 'word' && words.includes(token.text.toLowerCase());

/** Whose select list names other columns than it seems to, or that end it in ways not looked into here. */
const UNSURE = [
  ...['union', 'intersect', 'except', 'minus', 'into', 'top', 'values', 'pivot', 'unpivot', 'match_recognize'],
  ...['insert', 'update', 'delete', 'merge'],
];
/** What may come in a select's place of `from`; within an item it may be part of an expression. */
const ENDS = ['where', 'group', 'having', 'qualify', 'order', 'limit', 'offset', 'fetch', 'window', 'sample', 'using'];
/** These make columns of their own. */
const EXPANDING = ['columns', 'unnest', 'flatten', 'struct', 'unpack'];

/** What stands between the one select at the outside and its from. */
function selectList(all: readonly Token[]): Token[] | null {
  const outer = outside(all);
  const tokens = all.at(-1)?.text === ';' ? all.slice(0, -1) : all;
  const selects = outer.filter(({ token }) => is(token, 'select'));
  const [select] = selects;
  if (!select || selects.length > 1 || outer.some(({ token }) => is(token, ...UNSURE))) return null;
  if (outer.some(({ token, at }) => token.text === ';' && at < tokens.length)) return null;
  const withQueries = is(tokens[0], 'with') && tokens[select.at - 1]?.text === ')';
  if (select.at > 0 && !withQueries) return null;
  const start = select.at + (is(tokens[select.at + 1], 'distinct', 'all') ? 2 : 1);
  if (is(tokens[start], 'on')) return null;
  const from = outer.find(({ token, at }) => at > start && is(token, 'from'));
  const list = tokens.slice(start, from?.at);
  const odd = outer.some(({ token, at }) => at >= start && at < (from?.at ?? tokens.length) && is(token, ...ENDS));
  // `a is distinct from b` has a from of its own.
  if (odd || (from && is(tokens[from.at - 1], 'distinct')) || list.some((token) => is(token, ...EXPANDING)))
    return null;
  return list;
}

/** Tokens outside of all parentheses, with their places. */
function outside(tokens: readonly Token[]): { token: Token; at: number }[] {
  let depth = 0;
  const found: { token: Token; at: number }[] = [];
  for (const [at, token] of tokens.entries()) {
    if (token.kind === 'other' && ')]}'.includes(token.text)) depth -= 1;
    if (depth === 0) found.push({ token, at });
    if (token.kind === 'other' && '([{'.includes(token.text)) depth += 1;
  }
  return found;
}

function itemsOf(list: readonly Token[]): Token[][] {
  const commas = outside(list).filter(({ token }) => token.kind === 'other' && token.text === ',');
  const ends = [...commas.map(({ at }) => at), list.length];
  return ends.map((end, index) => list.slice(index === 0 ? 0 : ends[index - 1]! + 1, end));
}

/** Words that look like columns. */
const NO_COLUMN = /^(null|true|false|user|default|rownum|sysdate|systimestamp|(current|local|session|system)_?\w*)$/i;

/** `… as name`, `name` or `t.name`; null: something else, whose name the warehouse makes up. */
function columnOf(item: readonly Token[]): string | null {
  const name = item.at(-1);
  if (!name || name.kind === 'other') return null;
  const star = item[0]?.text === '*' || item.some(({ text }, at) => text === '.' && item[at + 1]?.text === '*');
  if (star) return null;
  if (item.length > 2 && is(item.at(-2), 'as')) return name.text;
  const dotted = item.every(({ kind, text }, at) =>
    at % 2 === 0 ? kind !== 'other' : kind === 'other' && text === '.',
  );
  if (!dotted) return null;
  return name.kind === 'word' && NO_COLUMN.test(name.text) ? null : name.text;
}
