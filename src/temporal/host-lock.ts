/** Which process of a project hosts the embedded server: a file lock that the operating system frees when the process dies. */
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { UpriverError } from '../core/errors.ts';

export interface HostLock {
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Takes the project's lock, or returns null while another process (or another call in this one) holds it.
 * Node has no file locks of its own; SQLite has portable ones, which need no clean-up after a crash.
 */
export function acquireHostLock(stateDir: string): HostLock | null {
  let db: DatabaseSync | undefined;
  try {
    db = new DatabaseSync(join(stateDir, 'host.lock'), { timeout: 0 });
    db.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    db?.close();
    if ((error as { errcode?: number }).errcode === SQLITE_BUSY) return null;
    throw stateDirError(stateDir, error);
  }
  const held = db;
  return { release: () => held.close() };
}

export function stateDirError(stateDir: string, cause: unknown): UpriverError {
  return new UpriverError('CONFIG_STATE_DIR', `${stateDir} cannot be used: ${(cause as Error).message}`, {
    hint: 'Make sure that the directory is writable, on a local disk, and that the disk is not full.',
    cause,
  });
}
