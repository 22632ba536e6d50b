/** Text and JSON with `{references}`: parsed and checked once, then filled in per row by compiled closures. */
import type { TemplateValue } from '../contracts/plan.ts';
import { UpriverError } from './errors.ts';
import { didYouMean } from './suggest.ts';
import { Exact, isObject, type Scope, toText, toWireJson, type Value } from './values.ts';

/** `{path.to.field|filter}`. The first of `path` is the name in scope. */
export interface Ref {
  path: string[];
  filter: string | null;
}

/** Literal text, or a reference with its offset in the template. */
export type TemplatePart = string | (Ref & { offset: number });

/** What is wrong with a template, at an offset into its text. */
export class TemplateError extends Error {
  override readonly name = 'TemplateError';
  readonly offset: number;
  readonly hint: string;
  constructor(offset: number, message: string, hint: string) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

const FILTERS: Readonly<Record<string, (value: Value) => Value>> = {
  strings: numbersToText,
  json: toWireJson,
};

const NAME = '[A-Za-z_][A-Za-z0-9_-]*';
const BODY = `(${NAME}(?:\\.[A-Za-z0-9_$-]+)*)(?:\\|([A-Za-z_]+))?`;
const REFERENCE = new RegExp(`\\{${BODY}\\}`, 'y');
const DOUBLE_BRACES = new RegExp(`\\{\\{\\s*${BODY}\\s*\\}\\}`, 'y');

/**
 * The next reference or escape at or after `from`; null: only literal text is left. Shared by text and SQL.
 * Throws {@link TemplateError} for `{{name}}`, the habit from elsewhere.
 */
export function nextToken(text: string, from: number): { start: number; end: number; ref: Ref | null } | null {
  for (let start = text.indexOf('{', from); start !== -1; start = text.indexOf('{', start + 1)) {
    if (text[start + 1] === '{') {
      refuseDoubleBraces(text, start);
      return { start, end: start + 2, ref: null };
    }
    REFERENCE.lastIndex = start;
    const match = REFERENCE.exec(text);
    if (match)
      return { start, end: REFERENCE.lastIndex, ref: { path: match[1]!.split('.'), filter: match[2] ?? null } };
  }
  return null;
}

/** Cuts a template at its references. Throws {@link TemplateError}. */
export function parseTemplate(text: string): TemplatePart[] {
  const parts: TemplatePart[] = [];
  let literal = '';
  let at = 0;
  for (let token = nextToken(text, at); token !== null; token = nextToken(text, at)) {
    literal += text.slice(at, token.start);
    at = token.end;
    if (token.ref === null) {
      literal += '{';
      continue;
    }
    checkFilter(token.ref, token.start);
    if (literal !== '') parts.push(literal);
    literal = '';
    parts.push({ ...token.ref, offset: token.start });
  }
  literal += text.slice(at);
  if (literal !== '') parts.push(literal);
  return parts;
}

/** Every reference in a template, at any depth. Throws {@link TemplateError}. */
export function refsOf(value: TemplateValue): Ref[] {
  if (typeof value === 'string') return parseTemplate(value).filter((part) => typeof part !== 'string');
  if (Array.isArray(value)) return value.flatMap(refsOf);
  if (typeof value === 'object' && value !== null) return Object.values(value).flatMap(refsOf);
  return [];
}

/** Fills in a JSON template. A string that is nothing but one reference keeps the value's type; else it is text. */
export function compileValue(value: TemplateValue): (scope: Scope) => Value {
  if (typeof value === 'string') return compileString(value);
  if (Array.isArray(value)) return compileList(value);
  if (typeof value === 'object' && value !== null) return compileObject(value);
  return () => value;
}

/** Fills in a template as text: null is empty, objects are JSON. */
export function compileText(text: string): (scope: Scope) => string {
  const parts = parseTemplate(text).map((part) => (typeof part === 'string' ? part : compileRef(part)));
  return (scope) => {
    let out = '';
    for (const part of parts) out += typeof part === 'string' ? part : toText(part(scope));
    return out;
  };
}

/** Fills in a URL path: each value percent-encoded. The closure throws ROW_VALUE_IN_PATH. */
export function compilePath(text: string): (scope: Scope) => string {
  const parts = parseTemplate(text).map((part) => (typeof part === 'string' ? part : compilePathRef(part)));
  return (scope) => {
    let out = '';
    for (const part of parts) out += typeof part === 'string' ? part : part(scope);
    return out;
  };
}

/** Fills in a header; null (a lone reference that is null): leave the header out. The closure throws ROW_VALUE_IN_HEADER. */
export function compileHeader(text: string): (scope: Scope) => string | null {
  const render = compileValue(text);
  return (scope) => {
    const value = render(scope);
    if (value === null) return null;
    const header = toText(value);
    if (!NOT_IN_HEADER.test(header)) return header;
    throw new UpriverError(
      'ROW_VALUE_IN_HEADER',
      'a header would hold a line break or another character that headers cannot carry',
      {
        hint: 'Keep to printable Latin characters, or clean the value in the SQL.',
        context: { header: text },
      },
    );
  };
}

/** What undici and RFC 9110 allow in a field value: tab, printable ASCII, Latin-1. */
const NOT_IN_HEADER = /[^\t\x20-\x7e\x80-\xff]/;

function compileString(text: string): (scope: Scope) => Value {
  const parts = parseTemplate(text);
  const [only] = parts;
  if (parts.length === 0) return () => '';
  if (parts.length === 1 && typeof only === 'string') return () => only;
  if (parts.length === 1) return compileRef(only as Ref);
  return compileText(text);
}

function compileList(items: TemplateValue[]): (scope: Scope) => Value {
  const compiled = items.map(compileValue);
  return (scope) => compiled.map((item) => item(scope));
}

function compileObject(template: { [key: string]: TemplateValue }): (scope: Scope) => Value {
  const keys = Object.keys(template);
  if (keys.length === 1 && typeof template.$exact === 'string') {
    const exact = new Exact(template.$exact);
    return () => exact;
  }
  const fields = keys.map((key) => [key, compileValue(template[key]!)] as const);
  return (scope) => {
    const out: { [key: string]: Value } = {};
    for (const [key, render] of fields) setField(out, key, render(scope));
    return out;
  };
}

/** `__proto__` is a key like any other; plain assignment would set the prototype instead. */
function setField(target: { [key: string]: Value }, key: string, value: Value): void {
  if (key !== '__proto__') target[key] = value;
  else Object.defineProperty(target, key, { value, enumerable: true, configurable: true, writable: true });
}

function compileRef(ref: Ref): (scope: Scope) => Value {
  const [name, ...fields] = ref.path as [string, ...string[]];
  const filter = ref.filter === null ? null : FILTERS[ref.filter]!;
  if (fields.length === 0 && filter === null) return (scope) => fromScope(scope, name);
  return (scope) => {
    let value = fromScope(scope, name);
    for (const field of fields) value = fieldOf(value, field);
    return filter === null ? value : filter(value);
  };
}

function compilePathRef(ref: Ref): (scope: Scope) => string {
  const render = compileRef(ref);
  const name = ref.path.join('.');
  return (scope) => {
    const value = render(scope);
    if (value === null) throw notInPath(name, 'is null');
    if (typeof value === 'object' && !(value instanceof Exact)) throw notInPath(name, 'is an object or a list');
    const text = toText(value);
    if (text === '') throw notInPath(name, 'is empty');
    if (text === '.' || text === '..') throw notInPath(name, 'is a dot segment');
    if (!text.isWellFormed()) throw notInPath(name, 'is not valid Unicode');
    return encodeURIComponent(text);
  };
}

function notInPath(name: string, why: string): UpriverError {
  return new UpriverError('ROW_VALUE_IN_PATH', `{${name}} ${why} and cannot be part of a URL`, {
    hint: 'Leave such rows out in the SQL, or give the value another default there.',
    context: { reference: name },
  });
}

function fromScope(scope: Scope, name: string): Value {
  const value = scope[name];
  if (value !== undefined) return value;
  throw new UpriverError('INTERNAL_UNKNOWN_REFERENCE', `{${name}} has no value here`, {
    hint: 'Validation should have caught this. Please report it, with the river.',
    context: { reference: name },
  });
}

function fieldOf(value: Value, field: string): Value {
  if (Array.isArray(value)) return /^\d+$/.test(field) ? (value[Number(field)] ?? null) : null;
  return isObject(value) && Object.hasOwn(value, field) ? value[field]! : null;
}

/** HubSpot's OpenAPI wants every property a string. Nulls stay: they clear or are refused, as the API says. */
function numbersToText(value: Value): Value {
  if (typeof value === 'number' || typeof value === 'boolean' || value instanceof Exact) return String(value);
  if (Array.isArray(value)) return value.map(numbersToText);
  if (!isObject(value)) return value;
  const out: { [key: string]: Value } = {};
  for (const key of Object.keys(value)) setField(out, key, numbersToText(value[key]!));
  return out;
}

function checkFilter(ref: Ref, offset: number): void {
  if (ref.filter === null || Object.hasOwn(FILTERS, ref.filter)) return;
  const whole = `{${ref.path.join('.')}|${ref.filter}}`;
  const hint =
    ref.filter === 'identifier'
      ? 'The filter identifier is for SQL only.'
      : didYouMean(ref.filter, Object.keys(FILTERS));
  throw new TemplateError(
    offset,
    `${whole}: no filter is named '${ref.filter}'`,
    `${hint} For the literal text write {${whole}.`,
  );
}

function refuseDoubleBraces(text: string, start: number): void {
  DOUBLE_BRACES.lastIndex = start;
  const match = DOUBLE_BRACES.exec(text);
  if (!match || text[start - 1] === '{') return;
  throw new TemplateError(
    start,
    `${match[0]} is not a reference`,
    `A reference has single braces: {${match[1]}}. For the literal text write {{{{${match[1]}}}.`,
  );
}
