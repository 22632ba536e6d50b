/** PostgreSQL's SQLSTATE codes (postgresql.org/docs/current/errcodes-appendix.html) and broken connections as errors for the user. */
import { UpriverError } from '../../core/errors.ts';
import { type StateCode, stateError } from '../errors.ts';

/** By SQLSTATE, the longest prefix first. */
const SQL_STATES: readonly (readonly [prefix: string, code: StateCode])[] = [
  ['08', 'STATE_UNREACHABLE'],
  ['57P', 'STATE_UNREACHABLE'],
  ['25P03', 'STATE_UNREACHABLE'],
  ['28', 'STATE_LOGIN'],
  ['3D000', 'STATE_NO_DATABASE'],
  ['42501', 'STATE_DENIED'],
  ['25006', 'STATE_DENIED'],
  ['53100', 'STATE_DISK_FULL'],
  ['53', 'STATE_BUSY'],
  ['40', 'STATE_BUSY'],
  ['55P03', 'STATE_BUSY'],
  ['57014', 'STATE_BUSY'],
  ['58', 'STATE_IO'],
  ['XX001', 'STATE_CORRUPT'],
  ['XX002', 'STATE_CORRUPT'],
];

/** Says nothing of the URL: it may hold a password. */
export function postgresError(cause: unknown): UpriverError {
  if (cause instanceof UpriverError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  return stateError(stateCode(code ?? ''), `PostgreSQL: ${message || code || String(cause)}`, cause);
}

function stateCode(code: string): StateCode {
  const isSqlState = /^[0-9A-Z]{5}$/.test(code) && /\d/.test(code);
  // Without an SQLSTATE the server did not answer: the connection or the name look-up failed.
  if (!isSqlState) return 'STATE_UNREACHABLE';
  return SQL_STATES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'STATE_FAILED';
}
