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

/** Errors that the driver makes itself have no code: by their texts (pg 8.23, lib/client.js, lib/crypto, pg-pool). */
const CLOSED = /^Cannot use a pool after calling end/;
const CREDENTIALS = /^SASL|certificate|SSL|TLS/i;
const NO_ANSWER = /^Connection |^timeout exceeded|^Query read timeout|^Client (has encountered|was closed)/;
/** The operating system's: ECONNREFUSED, ENOTFOUND, ETIMEDOUT … */
const NO_ANSWER_CODES = /^E[A-Z_]+$/;

/** Says nothing of the URL: it may hold a password. */
export function postgresError(cause: unknown): UpriverError {
  if (cause instanceof UpriverError) return cause;
  const { code, message } = cause as { code?: string; message?: string };
  return stateError(stateCode(code ?? '', message ?? ''), `PostgreSQL: ${message || code || String(cause)}`, cause);
}

function stateCode(code: string, message: string): StateCode {
  if (/^[0-9A-Z]{5}$/.test(code) && /\d/.test(code))
    return SQL_STATES.find(([prefix]) => code.startsWith(prefix))?.[1] ?? 'STATE_FAILED';
  if (CLOSED.test(message)) return 'STATE_CLOSED';
  if (CREDENTIALS.test(message)) return 'STATE_LOGIN';
  if (NO_ANSWER_CODES.test(code) || NO_ANSWER.test(message)) return 'STATE_UNREACHABLE';
  return 'STATE_FAILED';
}
