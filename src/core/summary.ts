/** Summaries as Temporal's UI shows them: one line, cut to what the server keeps. */

const MOST_BYTES = 200;
const ELLIPSIS_BYTES = 3;

export function summaryOf(text: string): string {
  const line = text.replaceAll(/\s+/g, ' ').trim();
  let bytes = 0;
  let kept = '';
  for (const character of line) {
    bytes += utf8Bytes(character);
    if (bytes > MOST_BYTES) return `${kept}…`;
    if (bytes <= MOST_BYTES - ELLIPSIS_BYTES) kept += character;
  }
  return line;
}

/** Of one character. A workflow has no Buffer, and its types no TextEncoder. */
function utf8Bytes(character: string): number {
  const code = character.codePointAt(0) ?? 0;
  if (code < 0x80) return 1;
  if (code < 0x800) return 2;
  return code < 0x10000 ? 3 : 4;
}
