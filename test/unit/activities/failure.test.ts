import { toFailure } from '../../../activities/failure.ts';
import { type ErrorCode, UpriverError } from '../../../src/core/errors.ts';

const TRIES = { retry: null, errors: 1, attempt: 1, random: () => 0.5 };
const coded = (code: ErrorCode, retry = false) => new UpriverError(code, 'no', { retry });

describe('the failure of an activity', () => {
  test.each(['STATE_LOGIN', 'STATE_DENIED', 'STATE_NO_DATABASE', 'STATE_NEWER'] as const)(
    '%s is waited out by every step, less and less often',
    (code) => {
      const error = coded(code);
      const retry = { attempts: 1, initialMs: 1, maxMs: 1 };
      expect(toFailure(error, { ...TRIES, retry, errors: 9 })).toMatchObject({
        nonRetryable: false,
        nextRetryDelay: 1_000,
      });
      expect(toFailure(error, { ...TRIES, attempt: 3 })).toMatchObject({ nextRetryDelay: 4_000 });
      expect(toFailure(error, { ...TRIES, attempt: 99 })).toMatchObject({ nextRetryDelay: 60_000 });
    },
  );

  test('a store that is away for a moment is asked again each second', () => {
    expect(toFailure(coded('STATE_UNREACHABLE', true), { ...TRIES, attempt: 99 })).toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 1_000,
      category: 'BENIGN',
    });
  });

  test.each([
    ['a bug', new TypeError('a bug')],
    ['STATE_FAILED', coded('STATE_FAILED')],
    ['STATE_CORRUPT', coded('STATE_CORRUPT')],
    ['CONFIG_TEMPORAL_UNREACHABLE', coded('CONFIG_TEMPORAL_UNREACHABLE')],
  ])('%s ends a step, and is waited out where a run keeps its books', (_name, error) => {
    expect(toFailure(error, TRIES)).toMatchObject({ nonRetryable: true });
    expect(toFailure(error, { ...TRIES, bookkeeping: true })).toMatchObject({
      nonRetryable: false,
      nextRetryDelay: 1_000,
    });
  });

  test.each(['STATE_LOOP_ENDED', 'STATE_MISSING', 'RIVER_UNKNOWN_COLUMN'] as const)('%s is final there too', (code) => {
    expect(toFailure(coded(code), { ...TRIES, bookkeeping: true })).toMatchObject({ nonRetryable: true });
  });
});
