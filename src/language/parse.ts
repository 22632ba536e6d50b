/** Values against schemas: each mismatch becomes a problem at its place, and what is usable is used. */
import type * as z from 'zod';
import type { Json } from '../contracts/plan.ts';
import { didYouMean, suggest } from '../core/suggest.ts';
import type { FileProblems, Problem } from './problems.ts';
import type { Path, Place } from './source.ts';

type Issue = z.core.$ZodIssue;

/**
 * Says what is wrong with a value. Returns what the schema makes of it once unknown keys and bad optional values are
 * left out, so that the rest can still be checked; undefined when too little is left.
 */
export function parseWith<T extends z.ZodType>(
  schema: T,
  value: unknown,
  { file, path, fallbacks = {} }: Target,
): z.output<T> | undefined {
  const known: Known = new WeakMap();
  const remember: z.core.$ZodErrorMap = (issue) => {
    if (issue.code === 'unrecognized_keys') known.set(issue.keys, knownKeys(issue.inst));
    return undefined;
  };
  const parsed = schema.safeParse(value, { error: remember });
  if (parsed.success) return parsed.data;
  const issues = parsed.error.issues.flatMap((issue) => expand(issue, value));
  const typos = typosIn(issues, value, known);
  for (const issue of issues) report(issue, { file, path, value, known, typos });
  return parseRest(schema, { ...fallbacks, ...(withoutFaults(value, issues, typos) as object) });
}

interface Target {
  file: FileProblems;
  /** Where the value stands. */
  path: Path;
  /** Stand-ins for keys without which nothing else could be checked. */
  fallbacks?: Record<string, unknown>;
}

/** What still does not fit takes what is around it along. */
function parseRest<T extends z.ZodType>(schema: T, rest: object): z.output<T> | undefined {
  for (;;) {
    const parsed = schema.safeParse(rest);
    if (parsed.success) return parsed.data;
    const around = parsed.error.issues.map((issue) => pathOf(issue).slice(0, -1));
    if (around.some((path) => path.length === 0)) return undefined;
    for (const path of around) remove(rest, path);
  }
}

/** A key that is nearly one of those that are known and not there. */
interface Typo {
  path: Path;
  written: string;
  meant: string;
}

type Known = WeakMap<readonly string[], string[]>;

function typosIn(issues: readonly Issue[], value: unknown, known: Known): Typo[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'unrecognized_keys') return [];
    const path = pathOf(issue);
    const free = (known.get(issue.keys) ?? []).filter((key) => valueAt(value, [...path, key]) === undefined);
    return issue.keys.flatMap((written) => {
      const meant = suggest(written, free);
      return meant === null ? [] : [{ path, written, meant }];
    });
  });
}

interface Surroundings {
  file: FileProblems;
  path: Path;
  value: unknown;
  known: Known;
  typos: readonly Typo[];
}

function report(issue: Issue, { file, path, value, known, typos }: Surroundings): void {
  const at: Path = [...path, ...pathOf(issue)];
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      file.add([...at, key], unknownKey(file.family, key, known.get(issue.keys) ?? []), { at: 'key' });
    return;
  }
  const actual = valueAt(value, pathOf(issue));
  const missing = actual === undefined && pathOf(issue).length > 0;
  if (missing && typos.some((typo) => samePath([...typo.path, typo.meant], pathOf(issue)))) return;
  const place: Place = issue.code === 'invalid_key' ? { at: 'key' } : {};
  file.add(
    missing ? at.slice(0, -1) : at,
    problemOf(file.family, issue, { actual, missing, name: String(at.at(-1) ?? '') }),
    place,
  );
}

function unknownKey(family: string, key: string, known: readonly string[]): Problem {
  return {
    code: `${family}_UNKNOWN_KEY`,
    message: `unknown key '${key}'`,
    hint: didYouMean(key, known, 'Take it out.'),
  };
}

interface Seen {
  actual: unknown;
  missing: boolean;
  name: string;
}

function problemOf(family: string, issue: Issue, { actual, missing, name }: Seen): Problem {
  if (missing) return { code: `${family}_MISSING_KEY`, message: `'${name}' is missing`, hint: `Add ${name}: ….` };
  const said = saidIn(issue.message);
  const about = name === '' ? '' : `${name}: `;
  if (said) {
    const [message, hint, code] = said;
    return { code: code ?? `${family}_BAD_VALUE`, message: about + message, hint };
  }
  switch (issue.code) {
    case 'invalid_type':
      return wrongType(family, name, issue.expected, actual);
    case 'invalid_union':
      return issue.discriminator
        ? wrongChoice(family, name, actual, choicesOf(issue))
        : wrongType(family, name, 'another kind of value', actual);
    case 'invalid_value':
      return wrongChoice(family, name, actual, issue.values.map(String));
    case 'invalid_key':
      return keyProblem(family, issue, name);
    default:
      return { code: `${family}_BAD_VALUE`, message: about + issue.message.toLowerCase(), hint: `Correct ${name}.` };
  }
}

function keyProblem(family: string, issue: Extract<Issue, { code: 'invalid_key' }>, name: string): Problem {
  const said = saidIn(issue.issues[0]?.message ?? '');
  const [message, hint] = said ?? ['this is not a name', 'Take another name.'];
  return { code: `${family}_BAD_NAME`, message: `${name}: ${message}`, hint };
}

function wrongType(family: string, name: string, expected: string, actual: unknown): Problem {
  const wanted = KINDS[expected] ?? expected;
  const about = name === '' ? 'this' : `'${name}'`;
  return {
    code: `${family}_WRONG_TYPE`,
    message: `${about} is ${kindOf(actual)}, not ${wanted}`,
    hint: hintForType(name, wanted, actual),
  };
}

function hintForType(name: string, wanted: string, actual: unknown): string {
  if (actual !== null) return `Write ${wanted}.`;
  return name === '' ? 'Write keys and their values, or delete the file.' : 'Write a value, or take the key out.';
}

function wrongChoice(family: string, name: string, actual: unknown, choices: readonly string[]): Problem {
  const shown = typeof actual === 'string' ? `'${actual}'` : kindOf(actual);
  return {
    code: `${family}_BAD_VALUE`,
    message: `${name} cannot be ${shown}`,
    hint: didYouMean(String(actual), choices),
  };
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'a number',
  int: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function kindOf(value: unknown): string {
  if (value === null || value === undefined) return 'empty';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'number' && !Number.isInteger(value)) return 'a broken number';
  return KINDS[typeof value] ?? 'another kind of value';
}

function saidIn(message: string): [string, string, string?] | null {
  return message.startsWith('["') ? (JSON.parse(message) as [string, string, string?]) : null;
}

/** Of a union's alternatives the one that the value was meant to be; else the union's own message. */
function expand(issue: Issue, value: unknown): Issue[] {
  if (issue.code !== 'invalid_union' || issue.discriminator !== undefined || saidIn(issue.message)) return [issue];
  const meant = issue.errors.filter(
    (errors) => !errors.some((error) => error.path.length === 0 && error.code === 'invalid_type'),
  );
  const [only, ...others] = meant.length > 0 ? meant : scalarsOf(issue, valueAt(value, pathOf(issue)));
  if (!only) return [issue];
  const chosen = others.length === 0 ? only : likeliest(meant);
  return chosen.flatMap((inner) => expand({ ...inner, path: [...issue.path, ...inner.path] } as Issue, value));
}

/** Where a mapping is meant to stand for a value, what is no mapping was meant to be the value itself. */
function scalarsOf(issue: Extract<Issue, { code: 'invalid_union' }>, actual: unknown): (readonly Issue[])[] {
  if (typeof actual === 'object') return [];
  const scalars = issue.errors.filter(([first]) => first?.code === 'invalid_type' && first.expected !== 'object');
  return scalars.length === 1 ? scalars : [];
}

function likeliest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  return alternatives.toSorted((a, b) => a.length - b.length)[0]!;
}

function choicesOf(issue: Issue): string[] {
  const { options } = issue as { options?: readonly unknown[] };
  return (options ?? []).map(String);
}

function knownKeys(schema: unknown): string[] {
  const { def } = (schema as { _zod: { def: { shape?: object } } })._zod;
  return Object.keys(def.shape ?? {});
}

function pathOf(issue: Issue): (string | number)[] {
  return issue.path.map((segment) => (typeof segment === 'number' ? segment : String(segment)));
}

function valueAt(value: unknown, path: Path): unknown {
  let at = value;
  for (const segment of path)
    at = typeof at === 'object' && at !== null ? (at as Record<string, unknown>)[segment] : undefined;
  return at;
}

/** A copy with typos mended, without unknown keys and values that do not fit. Lists go whole: places must not shift. */
function withoutFaults(value: unknown, issues: readonly Issue[], typos: readonly Typo[]): unknown {
  const copy = structuredClone(value);
  for (const { path, written, meant } of typos) {
    const parent = valueAt(copy, path) as Record<string, unknown>;
    parent[meant] = parent[written];
  }
  for (const issue of issues) {
    const path = pathOf(issue);
    if (issue.code === 'unrecognized_keys') for (const key of issue.keys) remove(copy, [...path, key]);
    else if (valueAt(value, path) !== undefined) remove(copy, path);
  }
  return copy;
}

function samePath(a: Path, b: Path): boolean {
  return a.length === b.length && a.every((segment, i) => segment === b[i]);
}

function remove(root: unknown, path: Path): void {
  const inList = path.findIndex((segment) => typeof segment === 'number');
  const shortened = inList === -1 ? path : path.slice(0, inList);
  const key = shortened.at(-1);
  const parent = valueAt(root, shortened.slice(0, -1));
  if (key !== undefined && typeof parent === 'object' && parent !== null)
    delete (parent as Record<string, Json>)[String(key)];
}
