/** Where things that every project on this machine shares are kept: the Temporal CLI, built workflow bundles. */
import { homedir } from 'node:os';
import { join } from 'node:path';

/** The platform's place for caches, never inside a checkout. */
export function cacheDir(env: NodeJS.ProcessEnv = process.env): string {
  if (env['XDG_CACHE_HOME']) return join(env['XDG_CACHE_HOME'], 'upriver');
  if (process.platform === 'win32') {
    return join(env['LOCALAPPDATA'] ?? join(homedir(), 'AppData', 'Local'), 'upriver', 'cache');
  }
  if (process.platform === 'darwin') return join(homedir(), 'Library', 'Caches', 'upriver');
  return join(env['HOME'] ?? homedir(), '.cache', 'upriver');
}
