/** Raw JSON spliced into rows: the same values as careful reading gives, whatever the text. */
import fc from 'fast-check';
import { decode, parseExact } from '../../../src/core/values.ts';
import { bigintJson, doubleJson, numberJson, spliceJson } from '../../../src/warehouses/json-text.ts';

const digits = fc.tuple(fc.bigInt(), fc.option(fc.bigInt({ min: 0n })), fc.option(fc.integer({ min: -40, max: 40 })));
const numberText = digits.map(
  ([whole, part, exponent]) => `${whole}${part === null ? '' : `.${part}`}${exponent === null ? '' : `e${exponent}`}`,
);

/** JSON texts with numbers of any length, any strings, any space between. */
const { json } = fc.letrec<{ json: string; list: string; object: string }>((tie) => {
  const space = fc.constantFrom('', ' ', '\n', '\t', '\r\n');
  const string = fc.string({ unit: 'binary' }).map((text) => JSON.stringify(text));
  return {
    json: fc.oneof(
      { maxDepth: 4 },
      numberText,
      string,
      fc.constantFrom('null', 'true', 'false'),
      tie('list'),
      tie('object'),
    ),
    list: fc
      .tuple(space, fc.array(tie('json'), { maxLength: 4 }))
      .map(([gap, items]) => `[${items.join(`,${gap}`)}${gap}]`),
    object: fc
      .tuple(space, fc.dictionary(fc.string(), tie('json'), { maxKeys: 4 }))
      .map(
        ([gap, entries]) =>
          `{${gap}${Object.entries(entries).map(([key, value]) => `${JSON.stringify(key)}${gap}:${gap}${value}`)}}`,
      ),
  };
});

test('spliced JSON reads as the text itself does, and is one line', () => {
  fc.assert(
    fc.property(json, (text) => {
      const spliced = spliceJson(text);
      expect(decode(spliced)).toEqual(parseExact(text));
      expect(spliced).not.toMatch(/[\n\r]/);
    }),
    { numRuns: 2_000 },
  );
});

test('numbers from their digits keep their value', () => {
  fc.assert(
    fc.property(numberText, (text) => expect(decode(numberJson(text))).toEqual(parseExact(text))),
    { numRuns: 2_000 },
  );
  fc.assert(fc.property(fc.bigInt(), (value) => expect(decode(bigintJson(value))).toEqual(parseExact(String(value)))));
  fc.assert(
    fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) =>
      expect(Number(doubleJson(value))).toBe(value + 0),
    ),
  );
});

test.each([
  ['[NaN, nan, -NaN]', ['NaN', 'NaN', 'NaN']],
  ['[Infinity, -Infinity, inf, -inf]', ['Infinity', '-Infinity', 'Infinity', '-Infinity']],
  ['{"NaN": "NaN, Infinity ,]", "x": [1, ] , }', { NaN: 'NaN, Infinity ,]', x: [1] }],
  ['["a\\"",\n"]", NaN]', ['a"', ']', 'NaN']],
  ['[1,\t]', [1]],
])('what only lenient parsers take: %s', (text, value) => {
  expect(decode(spliceJson(text))).toEqual(value);
});
