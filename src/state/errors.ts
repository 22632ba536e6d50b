/** What went wrong with the store, as the user should hear it. */
import { type ErrorCode, UpriverError } from '../core/errors.ts';

/** What is known of each code: a hint, and whether waiting helps. */
const ADVICE = {
  STATE_BUSY: {
    retry: true,
    hint: 'Another process is writing to the state store; it is tried again. If it stays, look for a process that hangs.',
  },
  STATE_DISK_FULL: { retry: true, hint: 'Free space on the disk of the state store; work goes on by itself then.' },
  STATE_UNREACHABLE: {
    retry: true,
    hint: 'Check that the state store in upriver.yaml (state.url) is up and can be reached from here; work goes on by itself then.',
  },
  STATE_IO: {
    retry: true,
    hint: 'The disk of the state store reports errors: look at the system log, and at free space and quotas.',
  },
  STATE_LOGIN: { retry: false, hint: 'Check user, password and TLS settings of state.url in upriver.yaml.' },
  STATE_NO_DATABASE: { retry: false, hint: 'Create the database named in state.url, or name another one.' },
  STATE_DENIED: {
    retry: false,
    hint: 'The state store may not be written to: check who owns the file or folder, or the rights of the database user.',
  },
  STATE_CORRUPT: {
    retry: false,
    hint: 'The state file is damaged or is no SQLite database. Restore it from a backup, or move it away to start with an empty one.',
  },
  STATE_NEWER: { retry: false, hint: 'A newer upriver wrote this state store: update upriver here.' },
  STATE_MISSING: { retry: false, hint: 'Row data is deleted when its retention has passed: run the river again.' },
  STATE_LOOP_ENDED: {
    retry: false,
    hint: 'An attempt that was stopped woke up after the loop had ended. Rows that did not get through: upriver retry RUN.',
  },
  STATE_CONFLICT: {
    // Its next attempt finds the rows published, or takes them over.
    retry: true,
    hint: 'An attempt that was cut off still lives and writes the same rows; the step is tried again by itself.',
  },
  STATE_CLOSED: { retry: true, hint: 'This process is shutting down; another worker goes on.' },
  STATE_URL: {
    retry: false,
    hint: 'Write state.url as postgres://user:password@host:5432/database, or leave it out for a file under .upriver/.',
  },
  STATE_FAILED: { retry: false, hint: 'This should not happen: please report it, with the message.' },
} as const satisfies Partial<Record<ErrorCode, { retry: boolean; hint: string }>>;

export type StateCode = keyof typeof ADVICE;

export function stateError(code: StateCode, message: string, cause?: unknown): UpriverError {
  return new UpriverError(code, message, { ...ADVICE[code], cause });
}
