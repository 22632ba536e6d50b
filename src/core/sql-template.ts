/**
 * SQL with `{references}`, cut into text, bound values and identifiers. A lexer that knows just enough of SQL to tell
 * code from literals, comments and quoted names: nothing is ever pasted into a literal, and nothing else is touched.
 */
import type { SqlPart, SqlText, WarehouseType } from '../contracts/plan.ts';
import { didYouMean } from './suggest.ts';
import { nextToken, type Ref, TemplateError } from './templates.ts';

type RegionKind = 'code' | 'literal' | 'name' | 'comment';
interface Region {
  kind: RegionKind;
  start: number;
  end: number;
}

/** Lexical rules that differ between warehouses. */
interface Dialect {
  /** `\'` does not end a literal. */
  backslash: boolean;
  /** `/* /* *\/ *\/` is one comment. */
  nestedComments: boolean;
  /** `//` starts a comment. */
  slashComments: boolean;
  /** `$tag$…$tag$`, not only `$$…$$`. */
  taggedDollars: boolean;
}

const POSTGRES: Dialect = { backslash: false, nestedComments: true, slashComments: false, taggedDollars: true };
const SNOWFLAKE: Dialect = { backslash: true, nestedComments: false, slashComments: true, taggedDollars: false };
const DIALECTS: Readonly<Record<WarehouseType, Dialect>> = {
  duckdb: POSTGRES,
  postgres: POSTGRES,
  snowflake: SNOWFLAKE,
};

/** Cuts SQL at its references. Throws {@link TemplateError} with the offset of a reference that cannot be bound. */
export function parseSql(text: string, warehouse: WarehouseType = 'duckdb'): SqlText {
  const parts: SqlPart[] = [];
  for (const region of regionsOf(text, DIALECTS[warehouse])) {
    const bind = region.kind === 'literal' ? loneReference(text, region) : null;
    if (bind !== null) addPart(parts, { bind: bind.path });
    else if (region.kind === 'code') cutCode(parts, text, region);
    else addPart(parts, literalText(text, region));
  }
  return parts;
}

/** Every reference in cut SQL. */
export function refsOfSql(sql: SqlText): Ref[] {
  return sql.flatMap((part): Ref[] => {
    if (typeof part === 'string') return [];
    if ('bind' in part) return [{ path: part.bind, filter: null }];
    return [{ path: part.identifier, filter: 'identifier' }];
  });
}

/** One statement of a script, without its semicolon. */
export interface Statement {
  text: string;
  /** Where it begins in the script. */
  start: number;
}

/** The statements between semicolons; what is only space and comments is none. */
export function splitStatements(text: string, warehouse: WarehouseType): Statement[] {
  const statements: Statement[] = [];
  let start = 0;
  let blank = true;
  const cut = (end: number) => {
    if (!blank) statements.push({ text: text.slice(start, end), start });
    start = end + 1;
    blank = true;
  };
  for (const region of regionsOf(text, DIALECTS[warehouse])) {
    if (region.kind === 'literal' || region.kind === 'name') blank = false;
    if (region.kind !== 'code') continue;
    for (let at = region.start; at < region.end; at += 1) {
      if (text[at] === ';') cut(at);
      else if (/\S/.test(text[at] as string)) blank = false;
    }
  }
  cut(text.length);
  return statements;
}

/** SQL as pieces of code, literals, quoted names and comments, in order. */
export function lexSql(text: string, warehouse: WarehouseType): { kind: RegionKind; text: string }[] {
  return regionsOf(text, DIALECTS[warehouse]).map(({ kind, start, end }) => ({ kind, text: text.slice(start, end) }));
}

function cutCode(parts: SqlPart[], text: string, region: Region): void {
  let at = region.start;
  for (let token = nextToken(text, at); token && token.end <= region.end; token = nextToken(text, at)) {
    addPart(parts, text.slice(at, token.start));
    if (token.ref !== null) refuseGlued(text, token.start, token.end, token.ref);
    addPart(parts, token.ref === null ? '{' : refPart(token.ref, token.start));
    at = token.end;
  }
  addPart(parts, text.slice(at, region.end));
}

function refPart(ref: Ref, offset: number): SqlPart {
  if (ref.filter === null) return { bind: ref.path };
  if (ref.filter === 'identifier') return { identifier: ref.path };
  const name = ref.path.join('.');
  throw new TemplateError(
    offset,
    `{${name}|${ref.filter}}: SQL knows no filter '${ref.filter}'`,
    `${didYouMean(ref.filter, ['identifier'])} {${name}} binds the value as it is.`,
  );
}

/** `table_{day}` and `schema.{table}`: the habit of pasting. A bound value is never part of a name. */
function refuseGlued(text: string, start: number, end: number, ref: Ref): void {
  const before = text[start - 1] ?? '';
  const after = text[end] ?? '';
  const identifier = ref.filter === 'identifier';
  if (!/[\w$"]/.test(before + after) && (identifier || (before !== '.' && after !== '.'))) return;
  const name = ref.path.join('.');
  const hint = identifier
    ? 'Make the whole name in an input or variable, and write that alone.'
    : `For a name that is wholly in {${name}} write {${name}|identifier}.`;
  throw new TemplateError(start, `{${name}} is part of a longer name, and values are never pasted into SQL`, hint);
}

/** `'{name}'`: the literal that is nothing but one reference. */
function loneReference(text: string, region: Region): Ref | null {
  if (text[region.start] !== "'" || /[\w&]/.test(text[region.start - 1] ?? '')) return null;
  const token = nextToken(text, region.start);
  if (!token?.ref || token.start !== region.start + 1 || token.end !== region.end - 1) return null;
  if (token.ref.filter !== null) refPart(token.ref, token.start);
  if (token.ref.filter === 'identifier') return null;
  refuseTypedLiteral(text, region, token.ref);
  return token.ref;
}

/** `DATE '{day}'` would become `DATE ?`, which no warehouse takes. */
function refuseTypedLiteral(text: string, region: Region, ref: Ref): void {
  const before = /\b(date|time|timestamp|timestamptz|interval)\s+$/i.exec(
    text.slice(Math.max(0, region.start - 40), region.start),
  );
  if (!before) return;
  const type = before[1]!.toLowerCase();
  const name = ref.path.join('.');
  throw new TemplateError(
    region.start + 1,
    `{${name}} is bound as a value, which cannot follow the keyword ${type.toUpperCase()}`,
    `Write cast({${name}} as ${type}).`,
  );
}

/** A literal, quoted name or comment as it is, `{{` made `{`. A reference in it is an error that says what to write. */
function literalText(text: string, region: Region): string {
  let out = '';
  let at = region.start;
  for (let token = nextToken(text, at); token && token.start < region.end; token = nextToken(text, at)) {
    if (token.ref !== null) throw misplaced(token.ref, token.start, region.kind);
    out += `${text.slice(at, token.start)}{`;
    at = token.end;
  }
  return out + text.slice(at, region.end);
}

function misplaced(ref: Ref, offset: number, kind: RegionKind): TemplateError {
  const name = ref.path.join('.');
  const literally = `For the literal text write {{${name}}.`;
  if (kind === 'comment') {
    return new TemplateError(
      offset,
      `{${name}} stands in a comment, where no value can be bound`,
      `Take it out of the comment. ${literally}`,
    );
  }
  if (kind === 'name') {
    return new TemplateError(
      offset,
      `{${name}} stands in a quoted name`,
      `Write {${name}|identifier} without the quotes. ${literally}`,
    );
  }
  return new TemplateError(
    offset,
    `{${name}} stands inside a longer literal, where no value can be bound`,
    `Join the pieces in SQL: 'text ' || {${name}} || ' text'. ${literally}`,
  );
}

function addPart(parts: SqlPart[], part: SqlPart): void {
  if (part === '') return;
  const last = parts.at(-1);
  if (typeof part === 'string' && typeof last === 'string') parts[parts.length - 1] = last + part;
  else parts.push(part);
}

/** Code, literals, quoted names and comments, in order, without gaps. What is never closed runs to the end. */
function regionsOf(text: string, dialect: Dialect): Region[] {
  const regions: Region[] = [];
  let codeStart = 0;
  let at = 0;
  while (at < text.length) {
    const found = regionAt(text, at, dialect);
    if (found === null) {
      at += 1;
      continue;
    }
    regions.push({ kind: 'code', start: codeStart, end: at }, found);
    at = found.end;
    codeStart = at;
  }
  regions.push({ kind: 'code', start: codeStart, end: text.length });
  return regions;
}

function regionAt(text: string, start: number, dialect: Dialect): Region | null {
  switch (text[start]) {
    case "'":
      return { kind: 'literal', start, end: quoteEnd(text, start, dialect.backslash || isEscapeString(text, start)) };
    case '"':
      return { kind: 'name', start, end: quoteEnd(text, start, false) };
    case '-':
      return text[start + 1] === '-' ? { kind: 'comment', start, end: lineEnd(text, start) } : null;
    case '/':
      return slashComment(text, start, dialect);
    case '$':
      return dollarLiteral(text, start, dialect);
    default:
      return null;
  }
}

/** A doubled quote stays inside; so does one after a backslash where backslashes count. */
function quoteEnd(text: string, start: number, backslash: boolean): number {
  const quote = text[start];
  for (let at = start + 1; at < text.length; at++) {
    if (backslash && text[at] === '\\') at += 1;
    else if (text[at] !== quote) continue;
    else if (text[at + 1] === quote) at += 1;
    else return at + 1;
  }
  return text.length;
}

/** PostgreSQL's and DuckDB's E'…': an e that is not the end of a longer word. */
function isEscapeString(text: string, quote: number): boolean {
  return /(?:^|[^A-Za-z0-9_$])[eE]$/.test(text.slice(Math.max(0, quote - 2), quote));
}

function lineEnd(text: string, start: number): number {
  const end = text.indexOf('\n', start);
  return end === -1 ? text.length : end;
}

function slashComment(text: string, start: number, dialect: Dialect): Region | null {
  if (text[start + 1] === '/' && dialect.slashComments) return { kind: 'comment', start, end: lineEnd(text, start) };
  if (text[start + 1] !== '*') return null;
  let depth = 1;
  let at = start + 2;
  while (at < text.length && depth > 0) {
    const pair = text.slice(at, at + 2);
    if (pair === '*/') depth -= 1;
    else if (pair === '/*' && dialect.nestedComments) depth += 1;
    at += pair === '*/' || pair === '/*' ? 2 : 1;
  }
  return { kind: 'comment', start, end: at };
}

function dollarLiteral(text: string, start: number, dialect: Dialect): Region | null {
  const opening = dialect.taggedDollars ? /\$(?:[A-Za-z_]\w*)?\$/y : /\$\$/y;
  opening.lastIndex = start;
  const tag = opening.exec(text)?.[0];
  if (!tag || /\w/.test(text[start - 1] ?? '')) return null;
  const end = text.indexOf(tag, start + tag.length);
  return { kind: 'literal', start, end: end === -1 ? text.length : end + tag.length };
}
