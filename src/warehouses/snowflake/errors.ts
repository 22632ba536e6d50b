/** Snowflake's errors as upriver's: whose they are, whether trying again can help, what to do. */
import { type ErrorCode, UpriverError } from '../../core/errors.ts';
import type { SnowflakeError } from './sdk.ts';

/** What is known of an error, whichever of the driver's classes it has. */
interface Failure {
  /** Snowflake's own number ("002003") or the driver's ("401001"). */
  code: string;
  message: string;
  sqlState: string;
  httpStatus: number | null;
  queryId: string | null;
  line: number | null;
  position: number | null;
}

interface Verdict {
  code: ErrorCode;
  hint: string;
  retry?: boolean;
  /** Instead of Snowflake's own, where that says nothing. */
  message?: string;
}

interface Rule {
  codes?: readonly string[];
  states?: RegExp;
  message?: RegExp;
  verdict: Verdict;
}

/** The session is gone, and what was asked of it was not done. */
const SESSION_LOST = new Set(['390104', '390111', '390112', '390114', '401004', '407001', '407002']);
const UNREACHABLE = new Set(['401001', '401002', '401003', '402001', '402002']);
/** The driver's own numbers. Snowflake's begin with other digits. */
const OF_DRIVER = /^4[0-6]\d{4}$/;
const REFUSALS = new Set([403, 404]);
const TLS = /certificate|self.signed|SSL|TLS|OCSP|CRL/i;
const NO_SUCH_HOST = /ENOTFOUND|EAI_AGAIN/;
const LINE = /\bline (\d+) at position (\d+)/;

const sql = (hint: string): Verdict => ({ code: 'RIVER_SQL_ERROR', hint });
const CORRECT_SQL = sql("Correct the SQL or the data that it reads; the message is Snowflake's own.");

/** Of logins. First match wins. */
const LOGIN_RULES: readonly Rule[] = [
  {
    codes: ['404061'],
    verdict: { code: 'CONFIG_SNOWFLAKE_AUTH', hint: 'Write `token_url` under `oauth` as https://….' },
  },
  {
    codes: ['390144'],
    verdict: {
      code: 'AUTH_SNOWFLAKE_KEY',
      hint: "Register the key's public half (alter user … set rsa_public_key = '…'), check account and username, and this machine's clock.",
    },
  },
  {
    codes: ['394400', '394401', '390303', '390318', '390195'],
    verdict: { code: 'AUTH_WAREHOUSE', hint: 'The token is wrong or has expired: make a new one.' },
  },
  {
    codes: ['390420', '390421', '390422'],
    message: /is not allowed to access Snowflake|network policy/i,
    verdict: {
      code: 'AUTH_SNOWFLAKE_NETWORK',
      hint: 'A network policy keeps this machine out: have an administrator add its address to the policy, or run the worker where it is let in.',
    },
  },
  {
    codes: ['390189', '390186', '390187'],
    message: /^Role '/,
    verdict: {
      code: 'CONFIG_SNOWFLAKE_ROLE',
      hint: 'Check `role` in connections.yaml, or grant it to the user (grant role … to user …).',
    },
  },
];

const LOGIN_DEFAULT: Verdict = {
  code: 'AUTH_WAREHOUSE',
  hint: 'Check account, username and the secret of the connection.',
};

/** Of statements. First match wins. */
const STATEMENT_RULES: readonly Rule[] = [
  {
    codes: ['000606', '000608', '090073', '000607'],
    message: /no active warehouse|warehouse '.*' (cannot be resumed|was suspended|is suspended)/i,
    verdict: {
      code: 'CONFIG_SNOWFLAKE_WAREHOUSE',
      hint: 'Name a `warehouse` that the role may use (grant usage, operate on warehouse …), with auto_resume = true, and see whether a resource monitor has stopped it.',
    },
  },
  {
    codes: ['003001', '003011', '003041'],
    verdict: { code: 'AUTH_WAREHOUSE_PERMISSION', hint: "Grant the connection's role what the message names." },
  },
  { codes: ['000625', '000639', '000640'], states: /^40/, verdict: conflict() },
  {
    codes: ['000630'],
    verdict: {
      code: 'REMOTE_WAREHOUSE_TIMEOUT',
      hint: "Raise the step's `timeout` (and the warehouse's own), or make the statement do less.",
    },
  },
  {
    codes: ['000604', '000601'],
    states: /^57014/,
    verdict: {
      code: 'REMOTE_WAREHOUSE_INTERRUPTED',
      hint: 'Someone else ended the statement in Snowflake.',
      retry: true,
    },
  },
  {
    codes: ['000603', '300002', '300010'],
    states: /^XX/,
    verdict: {
      code: 'REMOTE_WAREHOUSE_BROKEN',
      hint: "Snowflake failed by itself; the step is tried again. If it stays so, give Snowflake's support the query id.",
      retry: true,
    },
  },
  {
    message: /bind variable/i,
    verdict: sql(
      'Snowflake takes a bound value only where a query computes something, not in definitions (views, functions, defaults). ' +
        'Write {name|identifier} for a name, or put the value into a table first and read it from there.',
    ),
  },
  {
    codes: ['002003', '002043'],
    verdict: sql(
      "Check the name, and that the connection's role may see it. Unquoted names are upper case in Snowflake.",
    ),
  },
  { codes: ['001003'], verdict: sql('Correct the SQL: Snowflake says where it stopped understanding it.') },
];

/** Of Snowflake, or of its driver: not of what either of them uses. */
export function isOfDriver(error: unknown): boolean {
  return failureOf(error) !== null;
}

export function isSessionLost(error: unknown): boolean {
  const failure = failureOf(error);
  if (failure) return SESSION_LOST.has(failure.code);
  // What the driver throws when it is asked for a status after it has lost its session.
  return error instanceof Error && /requestAsync is not a function/.test(error.message);
}

/** The server, or the way to it, was not there for a moment; whether the request was seen is not known. */
export function isUnreachable(error: unknown): boolean {
  const failure = failureOf(error);
  if (!failure || !UNREACHABLE.has(failure.code)) return false;
  const { httpStatus } = failure;
  return httpStatus === null || httpStatus >= 500 || httpStatus === 429 || httpStatus === 408;
}

/** Snowflake looked at the statement and says that it failed, or that it knows none. */
export function isVerdict(error: unknown): boolean {
  const failure = failureOf(error);
  return failure !== null && !OF_DRIVER.test(failure.code) && !SESSION_LOST.has(failure.code);
}

/** Whether what the statement names is not there, or not for the role to see. */
export function isMissingObject(error: unknown): boolean {
  return /^002(003|043)$/.test(failureOf(error)?.code ?? '');
}

export function isMissingSchema(error: unknown): boolean {
  return isMissingObject(error) && /\bSchema '/.test((error as Error).message);
}

export function loginError(error: unknown, name: string, account: string): unknown {
  const failure = failureOf(error);
  if (!failure) return error;
  const verdict = connectionVerdict(failure, account) ?? verdictOf(failure, LOGIN_RULES) ?? LOGIN_DEFAULT;
  return build(failure, { ...verdict, message: `connection ${name}: ${verdict.message ?? failure.message}` });
}

/** Anything that is not of Snowflake or its driver is given back as it is. */
export function statementError(error: unknown): unknown {
  const failure = failureOf(error);
  if (!failure) return error;
  if (!isVerdict(error)) return build(failure, unavailable(failure));
  return build(failure, verdictOf(failure, STATEMENT_RULES) ?? CORRECT_SQL);
}

function connectionVerdict(failure: Failure, account: string): Verdict | null {
  if (failure.code.startsWith('412') || failure.code.startsWith('413') || TLS.test(failure.message)) {
    return {
      code: 'CONFIG_WAREHOUSE_TLS',
      hint: 'If a proxy of yours opens the traffic, name its certificate in NODE_EXTRA_CA_CERTS; otherwise something is between here and Snowflake.',
    };
  }
  if (NO_SUCH_HOST.test(failure.message) || (failure.httpStatus !== null && REFUSALS.has(failure.httpStatus))) {
    return {
      code: 'CONFIG_SNOWFLAKE_ACCOUNT',
      message: `there is no Snowflake account "${account}" to reach (${failure.message})`,
      hint: 'Write `account` as organization-account (see Account Details in Snowsight), and check the network if it is right.',
    };
  }
  return UNREACHABLE.has(failure.code) ? unavailable(failure) : null;
}

function verdictOf(failure: Failure, rules: readonly Rule[]): Verdict | undefined {
  return rules.find(
    ({ codes, states, message }) =>
      codes?.includes(failure.code) || states?.test(failure.sqlState) || message?.test(failure.message),
  )?.verdict;
}

function build(failure: Failure, { code, hint, retry = false, message }: Verdict): UpriverError {
  const { queryId, line, position } = failure;
  const text = message ?? failure.message;
  return new UpriverError(code, queryId ? `${text} (query ${queryId})` : text, {
    hint,
    retry,
    context: {
      snowflake_code: failure.code,
      ...(queryId ? { query_id: queryId } : {}),
      ...(line === null ? {} : { sql_line: line }),
      ...(position === null ? {} : { sql_position: position }),
    },
  });
}

function unavailable({ httpStatus, message }: Failure): Verdict {
  return {
    code: 'REMOTE_WAREHOUSE_UNAVAILABLE',
    message: `Snowflake cannot be reached: ${httpStatus === null ? message : `it answers ${httpStatus}`}`,
    hint: 'The step is tried again. If it stays so, check the network and proxies between here and there.',
    retry: true,
  };
}

function conflict(): Verdict {
  return {
    code: 'REMOTE_WAREHOUSE_CONFLICT',
    hint: 'Another statement held the same table, or changed it at the same moment; the step is tried again.',
    retry: true,
  };
}

function failureOf(error: unknown): Failure | null {
  if (!(error instanceof Error) || error instanceof UpriverError) return null;
  const { code, message, sqlState, data, response } = error as SnowflakeError;
  const number = String(code ?? '');
  if (!/^-?\d+$/.test(number)) return null;
  const at = LINE.exec(message);
  return {
    code: number,
    message: message.replace(/\s*\n\s*/g, ' ').trim(),
    sqlState: sqlState ?? '',
    httpStatus: typeof response?.statusCode === 'number' ? response.statusCode : null,
    queryId: typeof data?.queryId === 'string' ? data.queryId : null,
    line: at ? Number(at[1]) : known(data?.line),
    position: at ? Number(at[2]) : known(data?.pos),
  };
}

function known(value: unknown): number | null {
  return typeof value === 'number' && value >= 0 ? value : null;
}
