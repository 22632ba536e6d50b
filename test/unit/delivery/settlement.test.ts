/** What is kept of a row that ended: no secrets, and what was not one unharmed. */
import { decode, Exact, type Value } from '../../../src/core/values.ts';
import { settlementOf } from '../../../src/delivery/settlement.ts';
import { freshProgress, type RowTask } from '../../../src/delivery/task.ts';
import { createRedactor } from '../../../src/http/redact.ts';

const TASK: RowTask = {
  chunk: 0,
  row: 0,
  values: [],
  key: null,
  hashes: null,
  wasDelivered: false,
  progress: freshProgress(),
};

function kept(outputs: { [name: string]: Value }): Value {
  const redactor = createRedactor();
  for (const secret of ['4711', 's3cret-token', '90071992547409931234']) redactor.add(secret);
  const end = { outcome: 'delivered', code: '', message: '', answer: null, outputs, stop: null } as const;
  const settlement = settlementOf(TASK, end, { redact: redactor.redact, keepOutputs: true });
  return decode(settlement.outputs?.outputs ?? 'null');
}

describe('outputs that are kept', () => {
  test.each<[string, Value, Value]>([
    ['a text', 'Bearer s3cret-token', 'Bearer [redacted]'],
    ['texts within', { sent: ['S3CRET-token', 'x'] }, { sent: ['[redacted]', 'x'] }],
    ['a name within', { 's3cret-token': 1 }, { '[redacted]': 1 }],
    ['digits within a number', 1_471_100, 1_471_100],
    ['digits within an exact number', new Exact('147110000000000000000'), new Exact('147110000000000000000')],
    ['a number that is one', 4711, '[redacted]'],
    ['an exact number that is one', new Exact('90071992547409931234'), '[redacted]'],
    ['nothing of the kind', { a: [null, true, 1.5, 'b'] }, { a: [null, true, 1.5, 'b'] }],
  ])('secrets in %s', (_where, output, expected) => {
    expect(kept({ output })).toEqual({ output: expected });
  });
});
