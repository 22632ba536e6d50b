/** Which rows of a batch an answer accounts for: what it does not is never counted delivered. */
import { compileExpression } from '../../../src/core/expressions.ts';
import { REPLY_NAMES } from '../../../src/core/judge.ts';
import type { Value } from '../../../src/core/values.ts';
import type { CompiledBatch } from '../../../src/delivery/action.ts';
import { verdicts } from '../../../src/delivery/batch-verdicts.ts';

const mapping = (source: string) => compileExpression(source, REPLY_NAMES, { nullSafe: true });
const named = (name: string) => ({ code: 'BAD', message: name });

/** 'taken', 'refused' or 'open' for each row. */
function seen(mappings: { delivered?: string; rejected?: string }, ids: (string | null)[], body: Value): string[] {
  const { delivered, rejected } = mappings;
  const batch: Pick<CompiledBatch, 'delivered' | 'rejected'> = {
    delivered: delivered ? mapping(delivered) : null,
    rejected: rejected ? mapping(rejected) : null,
  };
  const found = verdicts(batch as CompiledBatch, ids, { status: 200, headers: {}, body, attempt: 1 });
  return found.map((verdict) => (verdict === 'delivered' ? 'taken' : verdict === 'unaccounted' ? 'open' : 'refused'));
}

const rejected = "body.errors.map(e, { 'id': e.ids[0], 'code': e.code, 'message': e.message })";
const IDS = ['1', '2', '3'];

describe('an answer that names only what it refuses', () => {
  test.each<[string, Value, string[]]>([
    ['nothing refused', { errors: [] }, ['taken', 'taken', 'taken']],
    ['no errors at all', {}, ['taken', 'taken', 'taken']],
    ['a row by its name', { errors: [{ ids: ['2'], ...named('b') }] }, ['taken', 'refused', 'taken']],
    ['a row by its name, a number', { errors: [{ ids: [2], ...named('b') }] }, ['taken', 'refused', 'taken']],
    ['a row that is not said', { errors: [{ code: 'BAD' }] }, ['open', 'open', 'open']],
    ['a row with an empty name', { errors: [{ ids: [''], code: 'BAD' }] }, ['open', 'open', 'open']],
    ['a row of another name', { errors: [{ ids: ['x'], code: 'BAD' }] }, ['open', 'open', 'open']],
    [
      'one by its name, one that is not said',
      { errors: [{ ids: ['2'], ...named('b') }, { code: 'BAD' }] },
      ['open', 'refused', 'open'],
    ],
    ['one by its name, one of another name', { errors: [{ ids: ['9'] }, { ids: ['3'] }] }, ['open', 'open', 'refused']],
    ['not a list', { errors: 'quota' }, ['open', 'open', 'open']],
  ])('%s', (_what, body, expected) => {
    expect(seen({ rejected }, IDS, body)).toEqual(expected);
  });

  test('something that is no list', () => {
    expect(seen({ rejected: 'body.error' }, IDS, { error: { id: '2' } })).toEqual(['open', 'open', 'open']);
  });

  test.each<[string, Value]>([
    ['without a name', { errors: [{ code: 'BAD' }] }],
    ['by another name', { errors: [{ ids: ['x'], code: 'BAD' }] }],
  ])('to one row alone, %s: it is that row', (_what, body) => {
    expect(seen({ rejected }, ['1'], body)).toEqual(['refused']);
  });
});

describe('an answer that names what it takes', () => {
  const delivered = 'body.results.map(r, r.id)';
  test.each<[string, (string | null)[], Value, string[]]>([
    ['some', IDS, { results: [{ id: '1' }, { id: 3 }] }, ['taken', 'open', 'taken']],
    ['rows without a name', ['1', null], { results: [{ id: '1' }] }, ['taken', 'open']],
    ['and refuses the same', IDS, { results: [{ id: '1' }], errors: [{ ids: ['1'] }] }, ['open', 'open', 'open']],
    ['and refuses others', ['1'], { results: [{ id: '1' }], errors: [{ ids: ['x'] }] }, ['taken']],
    ['and refuses one by no name', IDS, { results: [{ id: '1' }], errors: [{}] }, ['taken', 'open', 'open']],
  ])('%s', (_what, ids, body, expected) => {
    expect(seen({ delivered, rejected }, ids, body)).toEqual(expected);
  });
});
