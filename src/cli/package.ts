/** Where upriver itself is installed: its version, and the example that `init` copies. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** The same from a checkout (src/) and from the tarball (dist/). */
export const PACKAGE_DIR = findUp(import.meta.dirname);

export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(join(PACKAGE_DIR, 'package.json'), 'utf8')) as { version: string };
  return version;
}

function findUp(dir: string): string {
  return existsSync(join(dir, 'package.json')) || dirname(dir) === dir ? dir : findUp(dirname(dir));
}
