/** Every error code of the sources has a row in docs/errors.md, and every row there is a code of the sources. */
import { globSync, readFileSync } from 'node:fs';
import { resolve } from 'node:path';

const ROOT = resolve(import.meta.dirname, '../..');
const SOURCES = ['src/**/*.ts', 'workflows/**/*.ts', 'activities/**/*.ts'];

const LITERAL = /'((?:RIVER|CONFIG|AUTH|REMOTE|ROW|STATE|INTERNAL)_[A-Z0-9_]+|SECRET_IN_FILE|USAGE)'/g;
/** `${family}_YAML`: one code for rivers, one for the set-up. */
const OF_EITHER_FAMILY = /\$\{[^}]*family[^}]*\}_([A-Z_]+)/gi;
/** A row's code is `<kind>_<reason>` where no answer came. */
const NO_ANSWER = /kind: '(not_sent|lost)'; reason: ([^;]+);/g;
/** These put the row back to where it was. */
const NEVER_A_ROWS_END = /_(ABORTED|EXPIRED)$/;
const STATUS = 'HTTP_nnn';

function codesOfSources(): Set<string> {
  const codes = new Set([STATUS]);
  for (const file of SOURCES.flatMap((pattern) => globSync(pattern, { cwd: ROOT }))) {
    for (const code of codesIn(readFileSync(resolve(ROOT, file), 'utf8'))) codes.add(code);
  }
  return codes;
}

function codesIn(source: string): string[] {
  return [
    ...[...source.matchAll(LITERAL)].map(([, code]) => code as string),
    ...[...source.matchAll(OF_EITHER_FAMILY)].flatMap(([, rest]) => [`RIVER_${rest}`, `CONFIG_${rest}`]),
    ...[...source.matchAll(NO_ANSWER)].flatMap(([, kind = '', reasons = '']) => noAnswerCodes(kind, reasons)),
  ];
}

function noAnswerCodes(kind: string, reasons: string): string[] {
  const codes = [...reasons.matchAll(/'(\w+)'/g)].map(([, reason]) => `${kind}_${reason}`.toUpperCase());
  return codes.filter((code) => !NEVER_A_ROWS_END.test(code));
}

/** The codes in the first cell of each row. */
function codesOfDocs(): Set<string> {
  const lines = readFileSync(resolve(ROOT, 'docs/errors.md'), 'utf8').split('\n');
  const cells = lines.filter((line) => line.startsWith('| `')).map((line) => line.split(' | ')[0] as string);
  const words = cells.flatMap((cell) => [...cell.matchAll(/`([A-Za-z0-9_]+)`/g)].map(([, code]) => code as string));
  return new Set(words.filter((word) => !word.endsWith('_')));
}

const sources = codesOfSources();
const docs = codesOfDocs();

test('the sources are read: codes of each kind are found', () => {
  const known = [
    'SECRET_IN_FILE',
    'USAGE',
    'CONFIG_YAML',
    'RIVER_YAML',
    'LOST_RESET',
    'NOT_SENT_CONNECT',
    'STATE_FENCED',
  ];
  expect([...sources]).toEqual(expect.arrayContaining(known));
  expect(sources.size).toBeGreaterThan(100);
});

test('every code has a row in docs/errors.md', () => {
  expect([...sources].filter((code) => !docs.has(code))).toEqual([]);
});

test('every row of docs/errors.md is about a code that there is', () => {
  expect([...docs].filter((code) => !sources.has(code))).toEqual([]);
});
