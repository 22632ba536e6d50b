/** SQLite's result codes (sqlite.org/rescode.html) as errors for the user. */
import type { UpriverError } from '../../core/errors.ts';
import { type StateCode, stateError } from '../errors.ts';

const PRIMARY_CODES: Record<number, StateCode> = {
  3: 'STATE_DENIED',
  5: 'STATE_BUSY',
  6: 'STATE_BUSY',
  8: 'STATE_DENIED',
  10: 'STATE_IO',
  11: 'STATE_CORRUPT',
  13: 'STATE_DISK_FULL',
  14: 'STATE_DENIED',
  26: 'STATE_CORRUPT',
};

const SYSTEM_CODES: Record<string, StateCode> = {
  ENOSPC: 'STATE_DISK_FULL',
  EDQUOT: 'STATE_DISK_FULL',
  EACCES: 'STATE_DENIED',
  EPERM: 'STATE_DENIED',
  EROFS: 'STATE_DENIED',
  ENOTDIR: 'STATE_DENIED',
  EEXIST: 'STATE_DENIED',
};

export function sqliteError(cause: unknown, path: string): UpriverError {
  const { errcode, code, message } = cause as { errcode?: number; code?: string; message?: string };
  // The low byte is the primary code; the rest says more.
  const known = errcode === undefined ? SYSTEM_CODES[code ?? ''] : PRIMARY_CODES[errcode & 0xff];
  return stateError(known ?? 'STATE_FAILED', `the state file ${path}: ${message ?? String(cause)}`, cause);
}
