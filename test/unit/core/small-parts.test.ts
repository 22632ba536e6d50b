import { formatDuration, parseDuration, parseSize } from '../../../src/core/durations.ts';
import { resolveIterators } from '../../../src/core/iterators.ts';
import { summaryOf } from '../../../src/core/summary.ts';
import { didYouMean, suggest } from '../../../src/core/suggest.ts';

describe('durations', () => {
  test.each([
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
    ['1.5s', 1_500],
    ['0s', 0],
  ])('%s', (text, ms) => {
    expect(parseDuration(text)).toBe(ms);
  });

  test.each(['', '5', 's', '5 minutes', '-1s', '1s 2ms', '5M', '1w', '1e3s'])("'%s' is refused", (text) => {
    expect(() => parseDuration(text)).toThrow(
      expect.objectContaining({ code: 'RIVER_BAD_VALUE', hint: expect.any(String) }),
    );
  });

  test.each([
    [250, '250ms'],
    [90_000, '90s'],
    [300_000, '5m'],
    [86_400_000, '1d'],
    [1_500, '1500ms'],
    [0, '0ms'],
  ])('%i ms is written %s', (ms, text) => {
    expect(formatDuration(ms)).toBe(text);
  });
});

describe('sizes', () => {
  test.each([
    ['512KB', 512_000],
    ['3MB', 3_000_000],
    ['900B', 900],
    ['1GB', 1_000_000_000],
  ])('%s', (text, bytes) => {
    expect(parseSize(text)).toBe(bytes);
  });

  test.each(['3', '3mb', 'MB', '3 apples'])("'%s' is refused", (text) => {
    expect(() => parseSize(text)).toThrow(
      expect.objectContaining({ code: 'RIVER_BAD_VALUE', hint: expect.any(String) }),
    );
  });
});

describe('did you mean', () => {
  test.each([
    ['conection', ['connections', 'connection', 'query'], 'connection'],
    ['deal_propertes', ['deal_properties'], 'deal_properties'],
    ['hubspot_deal_update', ['hubspot-deal-update'], 'hubspot-deal-update'],
    ['DEAL_ID', ['deal_id'], 'deal_id'],
    ['tpye', ['type'], 'type'],
    ['x', ['n', 'status'], null],
    ['entirely', ['different'], null],
  ])('%s among %j: %s', (word, known, expected) => {
    expect(suggest(word, known)).toBe(expected);
  });

  test('lists what is known when nothing is near', () => {
    expect(didYouMean('zzz', ['a', 'b'])).toBe('Known: a, b.');
    expect(didYouMean('zzz', [], 'None yet.')).toBe('None yet.');
  });
});

describe('iterators', () => {
  const columns = ['DEAL_ID', 'property_values', 'deal_id'];

  test('by position and by name, an exact match first', () => {
    expect(
      resolveIterators(
        [
          { name: 'a', position: 1 },
          { name: 'b', column: 'deal_id' },
          { name: 'c', column: 'Property_Values' },
        ],
        columns,
      ),
    ).toEqual([1, 2, 1]);
  });

  test.each([
    [{ name: 'x', column: 'property_value' }, "Did you mean 'property_values'?"],
    [{ name: 'x', position: 3 }, 'Columns: DEAL_ID'],
  ])('%j is not there', (iterator, hint) => {
    expect(() => resolveIterators([iterator], columns)).toThrow(
      expect.objectContaining({ code: 'RIVER_UNKNOWN_COLUMN', hint: expect.stringContaining(hint) }),
    );
  });
});

describe('summaries', () => {
  test.each([
    ['a  text\nof lines ', 'a text of lines'],
    ['x'.repeat(200), 'x'.repeat(200)],
    ['x'.repeat(201), `${'x'.repeat(197)}…`],
    ['ä'.repeat(101), `${'ä'.repeat(98)}…`],
    [`${'x'.repeat(195)}😀😀`, `${'x'.repeat(195)}…`],
  ])('of %s', (text, summary) => {
    expect(summaryOf(text)).toBe(summary);
    expect(Buffer.byteLength(summaryOf(text))).toBeLessThanOrEqual(200);
  });
});
