/** The CEL that upriver speaks: the library's, and what JSON needs beside it. */
import { Environment } from '@marcbachmann/cel-js';
import { NULL_AS_FALSE, NULL_AS_LIST } from './cel-rewrite.ts';
import { Exact, type Value } from './values.ts';

const SYNC = { async: false } as const;
const ARITHMETIC: Readonly<Record<string, (a: number, b: number) => number>> = {
  '+': (a, b) => a + b,
  '-': (a, b) => a - b,
  '*': (a, b) => a * b,
  '/': (a, b) => a / b,
};

/** For conditions: what is absent is an error. */
export function strictEnvironment(): Environment {
  return baseEnvironment(false);
}

/** For replies. null where a value was expected: an empty list, false, a text without matches. */
export function nullSafeEnvironment(): Environment {
  const environment = baseEnvironment(true);
  environment.registerFunction(`${NULL_AS_LIST}(dyn): dyn`, { handler: (value: unknown) => value ?? [], ...SYNC });
  environment.registerFunction(`${NULL_AS_FALSE}(dyn): dyn`, { handler: (value: unknown) => value ?? false, ...SYNC });
  environment.registerFunction('size(null): int', { handler: () => 0n, ...SYNC });
  environment.registerFunction('null.size(): int', { handler: () => 0n, ...SYNC });
  for (const method of ['contains', 'startsWith', 'endsWith', 'matches']) {
    environment.registerFunction(`null.${method}(string): bool`, { handler: () => false, ...SYNC });
  }
  for (const method of ['lowerAscii', 'upperAscii', 'trim']) {
    environment.registerFunction(`null.${method}(): dyn`, { handler: () => null, ...SYNC });
  }
  for (const type of ['int', 'double', 'string']) {
    registerComparisons(environment, [type, 'null'], () => Number.NaN);
    registerComparisons(environment, ['null', type], () => Number.NaN);
  }
  registerComparisons(environment, ['null', 'null'], () => Number.NaN);
  environment.registerOperator('dyn in null: bool', () => false);
  return environment;
}

/** Whole and broken numbers mix as they do in JSON: `20 * 1.5` must not depend on whether a price has cents. */
function baseEnvironment(enableOptionalTypes: boolean): Environment {
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    unlistedVariablesAreDyn: false,
    enableOptionalTypes,
  });
  environment.registerType('Exact', Exact);
  const wholeAndBroken = [
    ['int', 'double'],
    ['double', 'int'],
  ] as const;
  const exact = ['int', 'double', 'Exact'].flatMap((type): [string, string][] => [
    ['Exact', type],
    ...(type === 'Exact' ? [] : [[type, 'Exact'] as [string, string]]),
  ]);
  for (const types of [...wholeAndBroken, ...exact]) registerArithmetic(environment, types);
  for (const types of exact) registerComparisons(environment, types, (a, b) => Number(a) - Number(b));
  environment.registerOperator('Exact == Exact: bool', (a: Exact, b: Exact) => a.text === b.text);
  environment.registerFunction('string(Exact): string', { handler: (value: Exact) => value.text, ...SYNC });
  environment.registerFunction('double(Exact): double', { handler: (value: Exact) => Number(value.text), ...SYNC });
  environment.registerFunction('rows(map): int', { handler: ({ rows }: { rows?: bigint }) => rows ?? 0n, ...SYNC });
  // A variable that nothing has filled.
  environment.registerFunction('rows(null): int', { handler: () => 0n, ...SYNC });
  return environment;
}

function registerArithmetic(environment: Environment, [left, right]: readonly [string, string]): void {
  for (const [op, apply] of Object.entries(ARITHMETIC)) {
    environment.registerOperator(`${left} ${op} ${right}: double`, (a, b) => apply(Number(a), Number(b)));
  }
}

/** `compare` gives a number like Array.sort's, or NaN: then nothing holds. */
function registerComparisons(
  environment: Environment,
  [left, right]: readonly [string, string],
  compare: (a: unknown, b: unknown) => number,
): void {
  environment.registerOperator(`${left} < ${right}: bool`, (a, b) => compare(a, b) < 0);
  environment.registerOperator(`${left} <= ${right}: bool`, (a, b) => compare(a, b) <= 0);
  environment.registerOperator(`${left} > ${right}: bool`, (a, b) => compare(a, b) > 0);
  environment.registerOperator(`${left} >= ${right}: bool`, (a, b) => compare(a, b) >= 0);
}

/** An answer is read by several expressions; values never change once they are there. */
const converted = new WeakMap<object, unknown>();

/** {@link toCel}, once for each object or list. */
export function toCelOnce(value: Value): unknown {
  if (typeof value !== 'object' || value === null) return toCel(value);
  const known = converted.get(value);
  if (known !== undefined) return known;
  const made = toCel(value);
  converted.set(value, made);
  return made;
}

/**
 * Whole numbers become CEL's int, so that `n == 3`, `n + 1` and an index behave as whole numbers. The library tells
 * objects by their `constructor`, so one that has such a field becomes a Map. What needs no change is not copied: most of
 * a large answer is text.
 */
function toCel(value: Value): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Exact) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : value;
  return Array.isArray(value) ? listToCel(value) : objectToCel(value);
}

function listToCel(list: Value[]): unknown {
  let out: unknown[] | null = null;
  for (let index = 0; index < list.length; index++) {
    const item = toCel(list[index] as Value);
    if (item === list[index]) continue;
    out ??= [...list];
    out[index] = item;
  }
  return out ?? list;
}

function objectToCel(object: { [key: string]: Value }): unknown {
  if (Object.hasOwn(object, 'constructor') || Object.hasOwn(object, '__proto__')) {
    return new Map(Object.keys(object).map((key) => [key, toCel(object[key]!)]));
  }
  let out: Record<string, unknown> | null = null;
  for (const key in object) {
    const field = toCel(object[key]!);
    if (field === object[key]) continue;
    out ??= { ...object };
    out[key] = field;
  }
  return out ?? object;
}

/** Back to JSON's values: numbers exact, timestamps ISO text, anything else of CEL's as text. */
export function fromCel(value: unknown): Value {
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : new Exact(String(value));
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      return fromCelObject(value);
  }
}

function fromCelObject(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (value instanceof Exact) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, field]) => [String(key), fromCel(field)]));
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fromCel(field)]));
}
