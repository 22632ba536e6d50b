import fc from 'fast-check';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { UpriverError } from '../../../src/core/errors.ts';
import { cronProblem } from '../../../src/language/cron.ts';
import { load } from './project-of.ts';

const EVERYTHING = join(import.meta.dirname, '../../fixtures/projects/everything');
const NAMES = [
  'upriver.yaml',
  'connections.yaml',
  'rivers/main.yaml',
  'rivers/child.yml',
  'actions/two-calls.yaml',
  'actions/note.yaml',
  'actions/hubspot-batch.yaml',
  'sql/rows.sql',
];
const files = Object.fromEntries(NAMES.map((name) => [name, readFileSync(join(EVERYTHING, name), 'utf8')]));

const change = fc.record({
  name: fc.constantFrom(...NAMES),
  at: fc.nat(),
  length: fc.nat(30),
  text: fc.constantFrom(
    '',
    ' ',
    '\n',
    '{',
    '}',
    '{x}',
    '{{x}}',
    '"',
    "'",
    ':',
    ': ',
    '- ',
    '[',
    'null',
    '&a',
    '*a',
    '#',
    '\t',
    '1e999',
    '---\n',
    'x',
  ),
});

test('whatever a file holds, loading ends, and each mistake has a code, a place and a hint', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 3 }), async (changes) => {
      const changed: Record<string, string> = { ...files };
      for (const { name, at, length, text } of changes) {
        const old = changed[name]!;
        const start = at % (old.length + 1);
        changed[name] = old.slice(0, start) + text + old.slice(start + length);
      }
      const { errors } = await load(changed);
      for (const error of errors) {
        expect(error).toBeInstanceOf(UpriverError);
        expect(error.code).toMatch(/^(RIVER|CONFIG)_[A-Z_]+$|^SECRET_IN_FILE$/);
        expect(error.message).not.toBe('');
        expect(error.hint).toBeTruthy();
        const { file, line, column } = error.position!;
        const lines = (changed[file] ?? '').split('\n');
        expect(line).toBeGreaterThanOrEqual(1);
        expect(line).toBeLessThanOrEqual(lines.length);
        expect(column).toBeGreaterThanOrEqual(1);
        expect(column).toBeLessThanOrEqual((lines[line - 1] ?? '').length + 1);
      }
    }),
    {
      numRuns: 150,
      // A text that is never closed runs over many lines.
      examples: [[[{ name: 'rivers/main.yaml', at: 2009439192, length: 2, text: "'" }]]],
    },
  );
});

test.each(['* * * * *', '*/5 0-6,12 1 jan-mar MON', '0 6 * * 7', '0 6 ? * ?', '@daily', '@hourly'])(
  '%s is a schedule',
  (cron) => {
    expect(cronProblem(cron)).toBeNull();
  },
);

test.each([
  '',
  '* * * *',
  '60 * * * *',
  '* * 0 * *',
  '* * * 13 *',
  '* * * * 8',
  '5-1 * * * *',
  '*/0 * * * *',
  'a * * * *',
  '1,, * * * *',
  '@never',
  '1/2/3 * * * *',
])("'%s' is not", (cron) => {
  expect(cronProblem(cron)).toEqual({ message: expect.any(String), hint: expect.any(String) });
});
