/** What to type to ask for a run again, or to go on with it. */
import { toText, type Value } from '../core/values.ts';

interface Asked {
  inputs: { [name: string]: Value };
  full?: boolean;
}

export function runCommandOf(river: string, { inputs, full }: Asked): string {
  const given = Object.entries(inputs).map(([name, value]) => ` --input ${quoted(`${name}=${toText(value)}`)}`);
  return `upriver run ${river}${given.join('')}${full ? ' --full' : ''}`;
}

/** As a shell takes it. */
function quoted(text: string): string {
  return /^[\w=.,:/@-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}
