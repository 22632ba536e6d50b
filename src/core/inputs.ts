/** Types of a river's inputs: what fits them, and what text and values become. */
import type { InputType, Json } from '../contracts/plan.ts';
import { UpriverError } from './errors.ts';
import { Exact, numberFromText, parseExact, revive, type Value } from './values.ts';

const WANTED: Readonly<Record<InputType, string>> = {
  string: 'text',
  integer: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  json: 'JSON',
};
const EXAMPLES: Readonly<Record<InputType, string>> = {
  string: "text (in YAML, in quotes: '5')",
  integer: '42',
  number: '1.5',
  boolean: 'true or false',
  json: '{"a": 1}',
};

/** What is wrong with one value, if anything. */
export function checkInput(name: string, type: InputType, value: Value | Json): UpriverError | null {
  return convertInput(type, revive(value)) === undefined ? misfit(name, type) : null;
}

/** What a calling river gives; unlike text on a command line it has a type of its own. Throws RIVER_INPUT_TYPE. */
export function calledInput(name: string, type: InputType, value: Value): Value {
  if (type === 'json') return value;
  const scalar = typeof value === 'number' || typeof value === 'boolean' || value instanceof Exact;
  const converted = convertInput(type, type === 'string' && scalar ? String(value) : value);
  if (converted === undefined) throw misfit(name, type);
  return converted;
}

/** undefined: it does not fit. null fits any type. */
export function convertInput(type: InputType, value: Value): Value | undefined {
  if (value === null) return null;
  switch (type) {
    case 'string':
      return typeof value === 'string' ? value : undefined;
    case 'integer':
      return asNumber(value, /^-?\d+$/);
    case 'number':
      return asNumber(value, /^-?\d+(\.\d+)?([eE][+-]?\d+)?$/);
    case 'boolean':
      return typeof value === 'string'
        ? { true: true, false: false }[value]
        : typeof value === 'boolean'
          ? value
          : undefined;
    case 'json':
      return typeof value === 'string' ? fromJson(value) : value;
  }
}

function misfit(name: string, type: InputType): UpriverError {
  return new UpriverError('RIVER_INPUT_TYPE', `input '${name}' is not ${WANTED[type]}`, {
    hint: `Give ${name} as ${EXAMPLES[type]}.`,
  });
}

function asNumber(value: Value, pattern: RegExp): Value | undefined {
  if (typeof value === 'string') return pattern.test(value) ? numberFromText(value) : undefined;
  const number = typeof value === 'number' || value instanceof Exact;
  return number && pattern.test(String(value)) ? value : undefined;
}

function fromJson(text: string): Value | undefined {
  try {
    return parseExact(text);
  } catch {
    return undefined;
  }
}
