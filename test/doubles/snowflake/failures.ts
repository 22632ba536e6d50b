/** Snowflake's errors as its server words them. */

export interface Failure {
  code: string;
  sqlState: string;
  message: string;
  line: number;
  position: number;
}

export function failure(code: string, sqlState: string, message: string): Failure {
  return { code, sqlState, message, line: -1, position: -1 };
}

export const CANCELLED = failure('000604', '57014', 'SQL execution canceled');

interface Rule {
  when: RegExp;
  make(match: RegExpExecArray, where: { line: number; position: number }): Failure;
}

const compilation = (code: string, state: string, text: string) =>
  failure(code, state, `SQL compilation error:\n${text}`);

/** From DuckDB's messages. First match wins. */
const RULES: readonly Rule[] = [
  { when: /^INTERRUPT/, make: () => CANCELLED },
  {
    when: /Unexpected prepared parameter|parameters?\b.*can't be prepared|cannot contain parameters/i,
    make: () => compilation('002210', '42601', 'Bind variables not allowed in view and UDF definitions.'),
  },
  {
    when: /Schema with name "?([^"\s]+)"? does not exist|schema "([^"]+)" does not exist/i,
    make: (match) =>
      compilation('002003', '02000', `Schema '${match[1] ?? match[2]}' does not exist or not authorized.`),
  },
  {
    when: /(?:Table|View) with name "?([^"\s]+)"? does not exist/,
    make: (match) => compilation('002003', '42S02', `Object '${match[1]}' does not exist or not authorized.`),
  },
  {
    when: /Parser Error: (?:syntax error at or near "([^"]*)")?/,
    make: (match, { line, position }) => ({
      ...compilation('001003', '42000', `syntax error line ${line} at position ${position} unexpected '${match[1]}'.`),
      line,
      position,
    }),
  },
  {
    when: /column "?([^"\s]+)"? (?:not found|does not exist)|does not have a column (?:with|named) (?:name )?"([^"]+)"|Column with name "?([^"\s]+)"? not found/i,
    make: (match, { line, position }) => ({
      ...failure(
        '000904',
        '42000',
        `SQL compilation error: error line ${line} at position ${position}\ninvalid identifier '${match[1] ?? match[2] ?? match[3]}'`,
      ),
      line,
      position,
    }),
  },
  {
    when: /^TransactionContext Error/,
    make: () => failure('000625', '57014', 'Statement was aborted because of a lock timeout'),
  },
  { when: /^(Binder|Catalog) Error: ([^\n]+)/, make: (match) => compilation('002000', '42601', match[2] as string) },
  { when: /^(?:\w+ )+Error: ([^\n]+)/, make: (match) => failure('100038', '22018', match[1] as string) },
];

export function fromDuckdb(error: Error): Failure {
  const message = error.message.replace(/^Failed to extract statements: /, '');
  const at = /LINE (\d+):([^\n]*)\n( *)\^/.exec(message);
  const line = at ? Number(at[1]) : 1;
  const position = at ? Math.max(0, (at[3] as string).length - `LINE ${at[1]}: `.length) : 0;
  for (const { when, make } of RULES) {
    const match = when.exec(message);
    if (match) return make(match, { line, position });
  }
  return failure('300010', 'XX000', message);
}
