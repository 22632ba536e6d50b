import { decode, Exact, encode, numberFromText, parseExact, toText, toWireJson } from '../../src/core/values.ts';

describe('exact numbers', () => {
  test.each(['12345678901234567890', '0.1234567890123456789', '-9007199254740993', '1e400'])(
    '%s stays digit for digit',
    (digits) => {
      const value = parseExact(`{"n":${digits}}`);
      expect(toWireJson(value)).toBe(`{"n":${digits}}`);
      expect(toWireJson(decode(encode(value)))).toBe(`{"n":${digits}}`);
    },
  );

  test('wherever it stands in its text, a number of whatever length keeps its digits', () => {
    for (let before = 0; before <= 40; before++) {
      for (const digits of ['9007199254740993', '12345678901234567', '0.12345678901234567', '3.00000000000000001']) {
        const text = `{"${'k'.repeat(before)}":[{"id":"70000000001"},${digits}]}`;
        expect(toWireJson(parseExact(text))).toBe(text);
      }
    }
    expect(parseExact('9007199254740993')).toEqual(new Exact('9007199254740993'));
  });

  test.each(['1', '1.5', '1.50', '-0.25', '1e3', '9007199254740991'])('%s is a plain number', (digits) => {
    expect(numberFromText(digits)).toBe(Number(digits));
  });

  test('text that looks like a tagged number stays text', () => {
    const value = { a: '{"$exact":"1"}' };
    expect(JSON.parse(toWireJson(value))).toEqual(value);
  });

  test('inside text an exact number is its digits', () => {
    expect(toText(new Exact('12345678901234567890'))).toBe('12345678901234567890');
  });
});
