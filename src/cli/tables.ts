/** Tables without lines, as `ps` and `git` print them. */
import Table from 'cli-table3';
import type { Console } from './console.ts';

const NO_LINES = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
};

export interface Column {
  head: string;
  right?: boolean;
  /** Longer text is cut, with an ellipsis. */
  max?: number;
}

export function table(console: Console, columns: readonly Column[], rows: readonly (readonly string[])[]): string {
  const drawn = new Table({
    chars: NO_LINES,
    style: { 'padding-left': 0, 'padding-right': 0, head: [], border: [], compact: true },
    head: columns.map((column) => console.out('dim', column.head.toUpperCase())),
    colAligns: columns.map((column) => (column.right ? 'right' : 'left')),
  });
  drawn.push(...rows.map((row) => row.map((cell, index) => cut(cell, columns[index]?.max))));
  return drawn
    .toString()
    .split('\n')
    .map((line) => `  ${line.trimEnd()}`)
    .join('\n');
}

function cut(text: string, max: number | undefined): string {
  const line = text.replaceAll(/\s+/g, ' ');
  return max && line.length > max ? `${line.slice(0, max - 1)}…` : line;
}
