import type { InputPlan, InputType, RiverPlan } from '../../../src/contracts/plan.ts';
import { Exact, type Value } from '../../../src/core/values.ts';
import { resolveInputs } from '../../../src/language/index.ts';

function river(inputs: Record<string, InputPlan>): RiverPlan {
  return { name: 'r', description: null, inputs, variables: {}, timeoutMs: null, overlap: 'skip', steps: [] };
}

const required = (type: InputType): InputPlan => ({ type, required: true, default: null });

describe('text and values become the type of the input', () => {
  test.each<[InputType, Value, Value]>([
    ['string', 'x', 'x'],
    ['string', '5', '5'],
    ['string', '', ''],
    ['string', null, null],
    ['integer', '5', 5],
    ['integer', -7, -7],
    ['integer', '12345678901234567890', new Exact('12345678901234567890')],
    ['number', '1.5', 1.5],
    ['number', '1e3', 1000],
    ['number', 2, 2],
    ['boolean', 'true', true],
    ['boolean', false, false],
    ['json', '{"a":[1,12345678901234567890]}', { a: [1, new Exact('12345678901234567890')] }],
    ['json', { a: 1 }, { a: 1 }],
    ['json', [1], [1]],
  ])('%s from %j', (type, given, expected) => {
    expect(resolveInputs(river({ x: required(type) }), { x: given })).toEqual({ x: expected });
  });

  test.each<[InputType, Value]>([
    ['string', 5],
    ['string', { a: 1 }],
    ['integer', 'five'],
    ['integer', '1.5'],
    ['integer', 1.5],
    ['integer', ''],
    ['number', 'x'],
    ['number', true],
    ['boolean', 'yes'],
    ['boolean', 1],
    ['json', '{'],
  ])('%s is not %j', (type, given) => {
    expect(() => resolveInputs(river({ x: required(type) }), { x: given })).toThrow(
      expect.objectContaining({
        code: 'USAGE',
        message: expect.stringContaining("input 'x'"),
        hint: expect.any(String),
      }),
    );
  });
});

test('defaults fill in, exact ones exact', () => {
  const inputs = {
    a: { type: 'string', required: false, default: 'd' },
    n: { type: 'integer', required: false, default: { $exact: '12345678901234567890' } },
  } as const;
  expect(resolveInputs(river(inputs), {})).toEqual({ a: 'd', n: new Exact('12345678901234567890') });
});

test('everything wrong is told at once', () => {
  const inputs = { day: required('string'), limit: required('integer') };
  expect(() => resolveInputs(river(inputs), { dya: 'x', limit: 'y' })).toThrow(
    expect.objectContaining({
      code: 'USAGE',
      message: "river r: there is no input 'dya'; input 'limit' is not a whole number; input 'day' is missing",
      hint: expect.stringContaining("Did you mean 'day'?"),
    }),
  );
});
