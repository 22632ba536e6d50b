/** Who asked for a run, as the text that is kept with it: `cli`, `dry-run`, `schedule:<id>`, `river:<run id>`, `retry:<run id>`. */

export const DRY_RUN = 'dry-run';

export function byRetryOf(runId: string): string {
  return `retry:${runId}`;
}

/** `id`: the schedule, the calling run, the retried run. */
export function starterOf(startedBy: string): { by: string; id: string | null } {
  const at = startedBy.indexOf(':');
  return at < 0 ? { by: startedBy, id: null } : { by: startedBy.slice(0, at), id: startedBy.slice(at + 1) };
}

/** The run that this one is a retry of; null: it is none. */
export function retriedRun(startedBy: string): string | null {
  const { by, id } = starterOf(startedBy);
  return by === 'retry' ? id : null;
}
