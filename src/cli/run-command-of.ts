/** What to type to ask for a run again, or to go on with it. */
import { DRY_RUN, retriedRun } from '../core/started-by.ts';
import { toText, type Value } from '../core/values.ts';

interface Asked {
  inputs: { [name: string]: Value };
  startedBy: string;
  full?: boolean;
  /** Of a retry. */
  includeUnknown?: boolean;
}

export function runCommandOf(river: string, { inputs, startedBy, full, includeUnknown }: Asked): string {
  const retried = retriedRun(startedBy);
  if (retried !== null) return `upriver retry ${retried}${includeUnknown ? ' --include-unknown' : ''}`;
  const given = Object.entries(inputs).map(([name, value]) => ` --input ${quoted(`${name}=${toText(value)}`)}`);
  const flags = `${full ? ' --full' : ''}${startedBy === DRY_RUN ? ' --dry-run' : ''}`;
  return `upriver run ${river}${given.join('')}${flags}`;
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w=.,:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
