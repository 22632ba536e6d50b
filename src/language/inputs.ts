/** A river's inputs, given as text on the command line or as values by a schedule or a calling river. */
import type { InputPlan, InputType, Json, RiverPlan } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import { Exact, numberFromText, parseExact, revive, type Value } from '../core/values.ts';

type Given = Readonly<Record<string, Value | Json>>;

/**
 * The value of every input, defaults included. Text stands for the input's type (`n=5`, `on=true`, `x={"a":1}`).
 * Throws UpriverError USAGE that names everything that is missing, unknown or of the wrong type.
 */
export function resolveInputs(river: RiverPlan, given: Given): { [name: string]: Value } {
  const errors = inputErrors(river.inputs, given);
  if (errors.length === 0) return inputValues(river.inputs, given);
  const message = errors.map(({ error }) => error.message).join('; ');
  throw new UpriverError('USAGE', `river ${river.name}: ${message}`, {
    hint: errors.map(({ error }) => error.hint).join(' '),
  });
}

/** What is wrong with given inputs, by name. */
export function inputErrors(inputs: Record<string, InputPlan>, given: Given): { name: string; error: UpriverError }[] {
  const errors: { name: string; error: UpriverError }[] = [];
  for (const [name, value] of Object.entries(given)) {
    const error = Object.hasOwn(inputs, name)
      ? checkInput(name, inputs[name]!.type, value)
      : unknownInput(name, inputs);
    if (error) errors.push({ name, error });
  }
  for (const [name, input] of Object.entries(inputs)) {
    if (input.required && !Object.hasOwn(given, name)) errors.push({ name, error: missingInput(name) });
  }
  return errors;
}

export function inputValues(inputs: Record<string, InputPlan>, given: Given): { [name: string]: Value } {
  const values: { [name: string]: Value } = {};
  for (const [name, { type, default: fallback }] of Object.entries(inputs)) {
    values[name] = convert(type, revive(Object.hasOwn(given, name) ? given[name] : fallback)) ?? null;
  }
  return values;
}

/** What is wrong with one value, if anything. */
export function checkInput(name: string, type: InputType, value: Value | Json): UpriverError | null {
  if (convert(type, revive(value)) !== undefined) return null;
  return new UpriverError('RIVER_INPUT_TYPE', `input '${name}' is not ${WANTED[type]}`, {
    hint: `Give ${name} as ${EXAMPLES[type]}.`,
  });
}

function unknownInput(name: string, inputs: Record<string, InputPlan>): UpriverError {
  const hint = didYouMean(name, Object.keys(inputs), 'The river has no inputs.');
  return new UpriverError('RIVER_UNKNOWN_INPUT', `there is no input '${name}'`, { hint });
}

function missingInput(name: string): UpriverError {
  return new UpriverError('RIVER_MISSING_INPUT', `input '${name}' is missing`, {
    hint: `Give it with --input ${name}=…, or give it a default.`,
  });
}

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

/** undefined: it does not fit. null fits any type. */
function convert(type: InputType, value: Value): Value | undefined {
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
