/** A river's inputs, given as text on the command line or as values by a schedule or a calling river. */
import type { InputPlan, Json, RiverPlan } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { checkInput, convertInput } from '../core/inputs.ts';
import { didYouMean } from '../core/suggest.ts';
import { revive, type Value } from '../core/values.ts';

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
    values[name] = convertInput(type, revive(Object.hasOwn(given, name) ? given[name] : fallback)) ?? null;
  }
  return values;
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
