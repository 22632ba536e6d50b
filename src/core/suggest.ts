/** The closest of some known names to a mistyped one, for "did you mean …". */

/** The nearest candidate, or null when none is near enough to be meant. Case and `-`/`_` count little. */
export function suggest(word: string, candidates: Iterable<string>): string | null {
  const wanted = plain(word);
  let best: string | null = null;
  let least = Number.POSITIVE_INFINITY;
  for (const candidate of candidates) {
    const distance = editDistance(wanted, plain(candidate));
    const tolerated = Math.floor(Math.max(word.length, candidate.length) / 3);
    if (distance > tolerated || distance >= least) continue;
    least = distance;
    best = candidate;
  }
  return best;
}

/** `Did you mean 'x'?`, else what is known, else an invitation to declare it. */
export function didYouMean(
  word: string,
  candidates: Iterable<string>,
  otherwise = 'Nothing of this kind exists yet.',
): string {
  const known = [...candidates];
  const near = suggest(word, known);
  if (near !== null) return `Did you mean '${near}'?`;
  if (known.length === 0) return otherwise;
  const shown = known.slice(0, 12).join(', ');
  return `Known: ${shown}${known.length > 12 ? ', …' : ''}.`;
}

function plain(word: string): string {
  return word.toLowerCase().replaceAll('-', '_');
}

/** Edits (insert, delete, replace, swap of neighbours) from one word to the other. */
function editDistance(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = a[i - 1] === b[j - 1] ? 0 : 1;
      let least = Math.min(last[j]! + 1, row[j - 1]! + 1, last[j - 1]! + change);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) least = Math.min(least, beforeLast[j - 2]! + 1);
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
