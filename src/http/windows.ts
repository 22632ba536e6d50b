/** The windows of a connection's limits, and which requests each counts. */
import type { HttpConnectionPlan } from '../contracts/plan.ts';
import type { Window } from '../core/permits.ts';

export interface PathWindow {
  window: Window;
  /** What the limit says before a share of it is left to others. */
  limit: number;
  /** It counts every path. */
  everywhere: boolean;
  matches: (path: string) => boolean;
}

/** A window per limit, less the share that is left to other programs. Of two over the same span and paths the smaller holds. */
export function windowsOf({ name, limits, reserve }: HttpConnectionPlan): PathWindow[] {
  const byId = new Map<string, PathWindow>();
  for (const { requests, perMs, paths } of limits) {
    const id = [name, perMs, ...(paths ?? [])].join(' ');
    const known = byId.get(id);
    if (known && known.limit <= requests) continue;
    const allowed = Math.max(1, Math.floor(requests * (1 - reserve)));
    const window = { id, requests: allowed, perMs };
    byId.set(id, { window, limit: requests, everywhere: paths === null, matches: matcher(paths) });
  }
  return [...byId.values()];
}

/** `*` stands for one segment of a path or a part of it, `**` for any number. */
function matcher(paths: readonly string[] | null): (path: string) => boolean {
  if (paths === null) return () => true;
  const patterns = paths.map((glob) => new RegExp(`^${glob.split('**').map(segmentPattern).join('.*')}$`));
  return (path) => patterns.some((pattern) => pattern.test(path));
}

function segmentPattern(glob: string): string {
  return glob
    .split('*')
    .map((text) => text.replace(/[\\^$.+?()[\]{}|]/g, '\\$&'))
    .join('[^/]*');
}
