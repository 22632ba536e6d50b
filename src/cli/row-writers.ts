/** The three formats of `upriver rows`, written as the rows come; only a table holds its rows (a hundred, by default). */
import { toText, toWireJson, type Value } from '../core/values.ts';
import type { Console } from './console.ts';
import { outcomeLabel } from './format.ts';
import type { RowReport } from './rows.ts';
import { type Column, table } from './tables.ts';

/** Rows to write; returns whether there are more than these. */
type Rows = AsyncGenerator<RowReport, boolean>;
type RowWriter = (console: Console, rows: Rows) => Promise<void>;

export const rowWriters = { table: writeTable, csv: writeCsv, json: writeJson } as const satisfies Record<
  string,
  RowWriter
>;

const CSV_COLUMNS = [
  'step',
  'row',
  'key',
  'outcome',
  'code',
  'http_status',
  'attempts',
  'message',
  'excerpt',
  'values',
] as const;

async function writeTable(console: Console, rows: Rows): Promise<void> {
  const cells: string[][] = [];
  let next = await rows.next();
  for (; !next.done; next = await rows.next()) cells.push(tableCells(next.value));
  if (cells.length === 0) return console.say('No such rows.');
  const columns: Column[] = [
    { head: 'step' },
    { head: 'row', right: true },
    { head: 'key', max: 30 },
    { head: 'outcome' },
    { head: 'code' },
    { head: 'http', right: true },
    { head: 'tries', right: true },
    { head: 'message', max: 80 },
  ];
  await console.write(`${table(console, columns, cells)}\n`);
  if (next.value) console.say(`\n  … and more: --limit shows more of them, --format csv or json all.`);
}

function tableCells(row: RowReport): string[] {
  // Without a key the first column says best which row it is.
  const key = row.key ? keyText(row.key) : toText(Object.values(row.values)[0] ?? null);
  const message = row.message ?? '';
  return [
    row.step,
    String(row.row),
    key,
    outcomeLabel(row.outcome),
    row.code ?? '',
    text(row.http_status),
    text(row.attempts),
    message,
  ];
}

async function writeCsv(console: Console, rows: Rows): Promise<void> {
  await console.write(`${CSV_COLUMNS.join(',')}\r\n`);
  for (let next = await rows.next(); !next.done; next = await rows.next()) await console.write(csvLine(next.value));
}

function csvLine(row: RowReport): string {
  const cells = CSV_COLUMNS.map((name) => {
    if (name === 'key') return row.key ? keyText(row.key) : '';
    return text(row[name]);
  });
  return `${cells.map(csvCell).join(',')}\r\n`;
}

/** RFC 4180. */
function csvCell(cell: string): string {
  return /[",\r\n]/.test(cell) ? `"${cell.replaceAll('"', '""')}"` : cell;
}

/** One JSON array, a row a line. */
async function writeJson(console: Console, rows: Rows): Promise<void> {
  let before = '[\n';
  for (let next = await rows.next(); !next.done; next = await rows.next()) {
    await console.write(before + toWireJson(next.value as unknown as Value));
    before = ',\n';
  }
  await console.write(before === '[\n' ? '[]\n' : '\n]\n');
}

function keyText(key: NonNullable<RowReport['key']>): string {
  return key.length === 1 ? toText(key[0] ?? null) : toText(key);
}

function text(value: RowReport[(typeof CSV_COLUMNS)[number]]): string {
  return toText(value);
}
