/** Results for people and for programs. */
import Table from 'cli-table3';

/** One line of the results; `holds` is null where nothing is promised. */
export interface Line {
  what: string;
  measured: string;
  wanted: string;
  holds: boolean | null;
  /** The figures behind it. */
  data: object;
}

export function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1
    ? (sorted[middle] ?? Number.NaN)
    : ((sorted[middle - 1] ?? Number.NaN) + (sorted[middle] ?? Number.NaN)) / 2;
}

export function toTable(lines: readonly Line[]): string {
  const table = new Table({ head: ['', 'measured', 'wanted', ''], style: { head: [], border: [] } });
  for (const { what, measured, wanted, holds } of lines) {
    table.push([what, measured, wanted, holds === null ? '' : holds ? 'holds' : 'MISSED']);
  }
  return table.toString();
}
