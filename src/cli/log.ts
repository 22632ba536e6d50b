/** The log file of a project, `.upriver/upriver.log`: JSON lines. The terminal stays with what the user asked for. */
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { destination, type Logger, pino } from 'pino';
import { stateDirError } from '../temporal/host-lock.ts';

const MAX_BYTES = 20_000_000;

/** Opens the log. One that grew over 20 MB is set aside as `upriver.log.1` first. Throws CONFIG_STATE_DIR. */
export async function openLog(projectDir: string): Promise<{ log: Logger; file: string }> {
  const dir = join(projectDir, '.upriver');
  const file = join(dir, 'upriver.log');
  try {
    await mkdir(dir, { recursive: true });
    if ((await sizeOf(file)) > MAX_BYTES) await rename(file, `${file}.1`);
  } catch (error) {
    throw stateDirError(dir, error);
  }
  const to = destination({ dest: file, sync: true });
  // A disk that is full must not end the run: what it cannot hold of the log is lost.
  to.on('error', () => {});
  return { log: pino({ base: { pid: process.pid } }, to), file };
}

/** Where the stack went; null: it could not be written. */
export async function logUnexpected(error: unknown, projectDir: string): Promise<string | null> {
  try {
    const { log, file } = await openLog(projectDir);
    log.error({ err: error }, 'unexpected error');
    return file;
  } catch {
    return null;
  }
}

/** Bytes; 0 if it is not there. */
async function sizeOf(file: string): Promise<number> {
  return stat(file).then(
    ({ size }) => size,
    () => 0,
  );
}
