/** DuckDB's errors as upriver's: whose they are, whether trying again can help, what to do. */
import { isNativeError } from 'node:util/types';
import { UpriverError } from '../../core/errors.ts';

interface Rule {
  when: RegExp;
  make: (message: string, linesBefore: number) => UpriverError;
}

const sqlHint = (hint: string) => (message: string, linesBefore: number) => sqlError(message, hint, linesBefore);
const otherSql = sqlHint("Correct the SQL or the data that it reads; the message is DuckDB's own.");

/** First match wins. */
const RULES: readonly Rule[] = [
  { when: /Conflicting lock is held|Unique file handle conflict|could not set lock/i, make: locked },
  {
    when: /not a valid DuckDB database file|Serialization Error|newer version of DuckDB|storage version/i,
    make: noDatabase,
  },
  {
    when: /^TransactionContext Error: (Conflict|Catalog write-write|Failed to commit)|write-write conflict/i,
    make: conflict,
  },
  { when: /No space left on device|disk full/i, make: diskFull },
  { when: /^Out of Memory Error/, make: outOfMemory },
  { when: /^INTERRUPT Error/, make: interrupted },
  { when: /^(FATAL|INTERNAL) Error|database has been invalidated/, make: broken },
  {
    when: /parameters?\b.*can't be prepared|cannot contain parameters|Unexpected prepared parameter/i,
    make: sqlHint(
      'DuckDB takes bound values only where a query computes something, not in definitions (views, macros, defaults, pragmas). ' +
        'Write {name|identifier} for a name, or put the value into a table first and read it from there.',
    ),
  },
  {
    when: /syntax error at or near "\$"/,
    make: sqlHint(
      "A bound value cannot follow a type's name or INTERVAL: write cast({name} as date) rather than date {name}.",
    ),
  },
  { when: /^Parser Error/, make: sqlHint('Correct the SQL: DuckDB says where it stopped understanding it.') },
  {
    when: /^Catalog Error/,
    make: sqlHint('Check the name. Three-part names need the database under `attach` in connections.yaml.'),
  },
  { when: /^Binder Error/, make: sqlHint('Check the names and types that the statement uses.') },
  {
    when: /^Constraint Error/,
    make: sqlHint('The rows break a constraint of the table: correct the query or the table.'),
  },
  {
    when: /extension/i,
    make: sqlHint('upriver does not download extensions by itself: install and load it in a script step first.'),
  },
];

/** The line that DuckDB names, in the statement that it was given. */
const LINE = /^LINE (\d+):/m;

/** How DuckDB's messages begin: with the kind of error. The binding puts words of its own before some. */
const KIND = /^(?:Failed to extract statements: )?(?=[A-Z][A-Za-z ]* (?:Error|Exception): )/;

/** Anything else that was thrown is given back as it is. @param linesBefore of the user's text, before this statement */
export function duckdbError(error: unknown, linesBefore = 0): unknown {
  if (error instanceof UpriverError || !isNativeError(error) || !KIND.test(error.message)) return error;
  const message = error.message.replace(KIND, '').trim();
  const rule = RULES.find((each) => each.when.test(message));
  return (rule?.make ?? otherSql)(message, linesBefore);
}

/**
 * A table that is not there may be in another file than the one that was opened: then the hint asks too.
 * @param ask what to ask; null: nothing
 */
export async function duckdbErrorAsking(
  error: unknown,
  ask: () => Promise<string | null>,
  linesBefore = 0,
): Promise<unknown> {
  const told = duckdbError(error, linesBefore);
  if (!(told instanceof UpriverError) || !/^Catalog Error: Table with name /.test(told.message)) return told;
  const question = await ask();
  if (question === null) return told;
  return new UpriverError(told.code, told.message, { hint: `${told.hint} ${question}`, context: { ...told.context } });
}

function sqlError(message: string, hint: string, linesBefore: number): UpriverError {
  const line = LINE.exec(message)?.[1];
  const context: Record<string, number> = line ? { sql_line: Number(line) + linesBefore } : {};
  return new UpriverError('RIVER_SQL_ERROR', message, { hint, context });
}

function locked(message: string): UpriverError {
  const file = /file "([^"]+)"/.exec(message)?.[1] ?? 'the DuckDB file';
  const holder = /held in (.+?) \(PID (\d+)\)/.exec(message);
  const by = holder ? `process ${holder[2]} (${holder[1]})` : 'another connection of this project';
  return new UpriverError(
    'CONFIG_DUCKDB_LOCKED',
    `${file} is in use by ${by}: a DuckDB file belongs to one process at a time`,
    {
      hint: holder
        ? 'Close the other program (or stop that upriver process) and try again.'
        : 'Reach the file through one connection only: list it under `attach` there, once.',
      retry: true,
      context: holder ? { file, pid: Number(holder[2]) } : { file },
    },
  );
}

function noDatabase(message: string): UpriverError {
  return new UpriverError('CONFIG_DUCKDB_FILE', message, {
    hint: 'Check `path` and `attach` in connections.yaml: the file must be a DuckDB database of a version that this DuckDB can read.',
  });
}

function conflict(message: string): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_CONFLICT', message, {
    hint: 'Another statement changed the same rows or the same table at the same moment; the step is tried again.',
    retry: true,
  });
}

function diskFull(message: string): UpriverError {
  return new UpriverError('CONFIG_DISK_FULL', message, { hint: 'Free some disk space, then try again.', retry: true });
}

function outOfMemory(message: string): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_MEMORY', message, {
    hint: "Make the statement hold less at once, or raise DuckDB's memory_limit in a script step.",
  });
}

function interrupted(message: string): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_INTERRUPTED', message, {
    hint: 'The statement was ended from outside; try again.',
    retry: true,
  });
}

function broken(message: string): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_BROKEN', message, {
    hint: 'DuckDB gave up on the open database: restart this process. If it happens again, report it to the DuckDB project.',
    retry: true,
  });
}
