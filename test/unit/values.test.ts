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
