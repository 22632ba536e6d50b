/** Ids of runs: readable, sortable, and what a RUN argument may be instead. */
import { randomInt } from 'node:crypto';
import { UpriverError } from '../core/errors.ts';
import { DRY_RUN, starterOf } from '../core/started-by.ts';
import type { RunRecord, StateStore } from '../core/store.ts';

/** Crockford's base 32, lower case: no letters that look like digits. */
const ALPHABET = '0123456789abcdefghjkmnpqrstvwxyz';
const SEARCHED = 10_000;
/** What `last` does not mean: runs that another river called, and those that send nothing. */
const PASSED_OVER: ReadonlySet<string> = new Set(['river', DRY_RUN]);

/** `trial-deals-20261122T174417-4k7q`, in UTC. */
export function newRunId(river: string, now: Date): string {
  const stamp = now.toISOString().slice(0, 19).replaceAll(/[-:]/g, '');
  const suffix = Array.from({ length: 4 }, () => ALPHABET[randomInt(ALPHABET.length)]).join('');
  return `${river}-${stamp}-${suffix}`;
}

/**
 * The run that a RUN argument names: an id, a unique beginning of one, `last`, or a river (its latest run).
 * `waiting`: runs that have not begun, of which the store knows nothing.
 */
export async function findRun(
  store: StateStore,
  wanted: string,
  waiting: readonly RunRecord[] = [],
): Promise<RunRecord> {
  const exact = waiting.find((run) => run.id === wanted) ?? (await store.getRun(wanted));
  if (exact) return exact;
  const ofRiver = [
    ...waiting.filter((run) => run.river === wanted),
    ...(await store.listRuns({ river: wanted, limit: 1 })),
  ].sort(newestFirst);
  if (ofRiver[0]) return ofRiver[0];
  const recent = [...waiting, ...(await store.listRuns({ limit: SEARCHED }))].sort(newestFirst);
  const last = wanted === 'last' && recent.find(({ startedBy }) => !PASSED_OVER.has(starterOf(startedBy).by));
  if (last) return last;
  const matches = recent.filter((run) => run.id.startsWith(wanted));
  if (matches.length === 1 && matches[0]) return matches[0];
  if (matches.length > 1) throw ambiguous(wanted, matches);
  throw new UpriverError('USAGE', `There is no run '${wanted}'.`, {
    hint:
      recent.length === 0
        ? 'Nothing ran in this project yet: start with `upriver run RIVER`.'
        : '`upriver runs` lists the runs; `last` is the latest one, a river’s name its latest run.',
  });
}

function newestFirst(a: RunRecord, b: RunRecord): number {
  return b.startedAt - a.startedAt;
}

function ambiguous(wanted: string, matches: RunRecord[]): UpriverError {
  const some = matches.slice(0, 5).map((run) => run.id);
  return new UpriverError('USAGE', `${matches.length} runs begin with '${wanted}'.`, {
    hint: `Write more of the id: ${some.join(', ')}${matches.length > some.length ? ' …' : ''}`,
  });
}
