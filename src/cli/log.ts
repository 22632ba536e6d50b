/** The log file of a project, `.upriver/upriver.log`: JSON lines. The terminal stays with what the user asked for. */
import { mkdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { destination, type Logger, pino } from 'pino';

const MAX_BYTES = 20_000_000;

/** Opens the log. One that grew over 20 MB is set aside as `upriver.log.1` first. */
export async function openLog(projectDir: string): Promise<{ log: Logger; file: string }> {
  const dir = join(projectDir, '.upriver');
  const file = join(dir, 'upriver.log');
  await mkdir(dir, { recursive: true });
  const size = await stat(file).then(
    (found) => found.size,
    () => 0,
  );
  if (size > MAX_BYTES) await rename(file, `${file}.1`);
  return { log: pino({ base: { pid: process.pid } }, destination({ dest: file, sync: true })), file };
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
