/** PostgreSQL's errors as upriver's, by SQLSTATE (https://www.postgresql.org/docs/current/errcodes-appendix.html). */
import { isNativeError } from 'node:util/types';
import pg from 'pg';
import { type ErrorCode, UpriverError } from '../../core/errors.ts';

/** A text as it was sent, and how it lies in the text that the user wrote. */
export interface Origin {
  text: string;
  /** Characters put before the user's own. */
  prefix: number;
  /** Lines of the user's text before the part that was sent. */
  lines: number;
}

interface Kind {
  code: ErrorCode;
  retry: boolean;
  hint: string;
}

const NO_BINDS = sql(
  'PostgreSQL takes bound values in queries and changes of rows only, not in definitions (views, functions, defaults). ' +
    'Write {name|identifier} for a name, or put the value into a table first and read it from there.',
);

/** By the longest matching beginning of the SQLSTATE. */
const KINDS: Readonly<Record<string, Kind>> = {
  '08': unavailable('The connection broke; the step is tried again.'),
  // More values were sent than the statement can take.
  '08P01': NO_BINDS,
  '28': auth('AUTH_WAREHOUSE', 'Check username, password and the access rules of the server (pg_hba.conf).'),
  '40001': conflict(),
  '40P01': conflict(),
  '42': sql('Correct the SQL: PostgreSQL says what it did not understand.'),
  '42501': auth('AUTH_WAREHOUSE_PERMISSION', "Grant the connection's user what the message names."),
  '42601': sql('Correct the SQL: PostgreSQL says where it stopped understanding it.'),
  '42803': sql('Where a bound text stands in select and in group by alike, group by its position: group by 1.'),
  '42P01': sql('Check the name, its schema and the search path; names in double quotes keep their case.'),
  '42P02': NO_BINDS,
  '42P18': sql('Say what type the bound value has: {name}::text, or cast({name} as date).'),
  '53': unavailable('The server has too little of something (memory, disk, connections); the step is tried again.'),
  '55P03': conflict(),
  '57014': {
    code: 'REMOTE_WAREHOUSE_INTERRUPTED',
    retry: true,
    hint: "The server ended the statement (an administrator, or the server's own statement_timeout).",
  },
  '57P': unavailable('The server is stopping or starting; the step is tried again.'),
  '25006': unavailable(
    'The server takes no changes now (a standby, or a failover under way); the step is tried again.',
  ),
  '3D000': {
    code: 'CONFIG_WAREHOUSE_DATABASE',
    retry: false,
    hint: 'Check the name of the database in connections.yaml.',
  },
};

const DEFAULT = sql("Correct the SQL or the data that it reads; the message is PostgreSQL's own.");
const TLS = /SSL|TLS|certificate|self.signed/i;
const NETWORK =
  /^(E[A-Z]{3,}|ERR_SOCKET)|connection (terminated|ended)|timeout e(xpired|xceeded)|not queryable|connection error/i;

/** Anything that is not of PostgreSQL or its driver is given back as it is. */
export function postgresError(error: unknown, origin?: Origin): unknown {
  if (error instanceof pg.DatabaseError) return serverError(error, origin);
  if (error instanceof UpriverError || !isNativeError(error)) return error;
  const code = String((error as { code?: unknown }).code ?? '');
  if (TLS.test(error.message) || /^(ERR_TLS|CERT_|DEPTH_ZERO|SELF_SIGNED|UNABLE_TO)/.test(code)) return tlsError(error);
  if (NETWORK.test(code) || NETWORK.test(error.message)) return unreachable(error, code);
  return error;
}

function serverError(error: pg.DatabaseError, origin?: Origin): UpriverError {
  const state = error.code ?? '';
  const kind = [5, 3, 2].map((length) => KINDS[state.slice(0, length)]).find(Boolean) ?? DEFAULT;
  const hint = error.hint ? `${kind.hint} PostgreSQL's hint: ${error.hint}` : kind.hint;
  const where = place(error.position, origin);
  const message = `${error.message}${whereText(where)}`;
  return new UpriverError(kind.code, message, { hint, retry: kind.retry, context: { sqlstate: state, ...where } });
}

interface Place {
  sql_line?: number;
  sql_column?: number;
}

function whereText({ sql_line: line, sql_column: column }: Place): string {
  if (line === undefined) return '';
  return column === undefined ? ` (line ${line})` : ` (line ${line}, column ${column})`;
}

/** Line and column in the user's text, from 1. The column only where no bind before it has changed the line's length. */
function place(position: string | undefined, origin: Origin | undefined): Place {
  const offset = Number(position) - 1;
  if (!origin || !(offset >= origin.prefix)) return {};
  const before = origin.text.slice(origin.prefix, offset).split('\n');
  const line = { sql_line: origin.lines + before.length };
  const start = before.at(-1) ?? '';
  return /\(\$\d/.test(start) ? line : { ...line, sql_column: start.length + 1 };
}

function tlsError(error: Error): UpriverError {
  return new UpriverError('CONFIG_WAREHOUSE_TLS', error.message, {
    hint:
      "Compare `ssl` in connections.yaml with what the server offers: ssl: true checks the server's certificate, " +
      'ssl.ca names the authority that signed it, ssl: false does without encryption.',
  });
}

function unreachable(error: Error, code: string): UpriverError {
  // A host with several addresses gives an AggregateError whose own message is empty.
  const message =
    error.message || (error as { errors?: Error[] }).errors?.map((each) => each.message).join(', ') || code;
  return new UpriverError('REMOTE_WAREHOUSE_UNAVAILABLE', `PostgreSQL cannot be reached: ${message}`, {
    hint: 'Check that the server runs and that host and port in connections.yaml are right; the step is tried again.',
    retry: true,
  });
}

function sql(hint: string): Kind {
  return { code: 'RIVER_SQL_ERROR', retry: false, hint };
}

function auth(code: ErrorCode, hint: string): Kind {
  return { code, retry: false, hint };
}

function unavailable(hint: string): Kind {
  return { code: 'REMOTE_WAREHOUSE_UNAVAILABLE', retry: true, hint };
}

function conflict(): Kind {
  const hint = 'Another statement held or changed the same rows or the same table; the step is tried again.';
  return { code: 'REMOTE_WAREHOUSE_CONFLICT', retry: true, hint };
}
