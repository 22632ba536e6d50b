/** Snowflake's wire texts as JSON texts of rows. */
import { UpriverError } from '../../core/errors.ts';
import { numberJson, spliceJson } from '../json-text.ts';
import type { Column } from '../warehouse.ts';
import type { RowStatement } from './sdk.ts';

/** What a result's JSON has in a cell. */
type Raw = string | null;
type CellWriter = (text: string) => string;
type DriverColumn = NonNullable<ReturnType<RowStatement['getColumns']>>[number];

const MS_PER_DAY = 86_400_000;
const TRUE = /^(1|true)$/i;
const LINE_BREAKS = /[\r\n]+ */g;
const SPECIAL_NUMBERS: Readonly<Record<string, string>> = {
  nan: '"NaN"',
  inf: '"Infinity"',
  infinity: '"Infinity"',
  '-inf': '"-Infinity"',
  '-infinity': '"-Infinity"',
};

/** By the type's name on the wire. What is not here (text, and what is yet to come) is written as text. */
const WRITERS: Readonly<Record<string, CellWriter | undefined>> = {
  fixed: numberJson,
  real: realJson,
  boolean: (text) => (TRUE.test(text) ? 'true' : 'false'),
  date: (text) => `"${isoDate(Number(text) * MS_PER_DAY)}"`,
  time: (text) => `"${isoTime(text)}"`,
  timestamp_ntz: (text) => `"${isoTimestamp(text)}"`,
  timestamp_ltz: (text) => `"${isoTimestamp(text)}Z"`,
  timestamp_tz: (text) => `"${isoTimestamp(text.split(' ', 1)[0] as string)}Z"`,
  binary: (text) => `"${Buffer.from(text, 'hex').toString('base64')}"`,
  variant: jsonJson,
  object: jsonJson,
  array: jsonJson,
  map: jsonJson,
  vector: jsonJson,
};

/** Where SQL calls a type otherwise. */
const SQL_NAMES: Readonly<Record<string, string | undefined>> = { fixed: 'NUMBER', real: 'FLOAT', text: 'VARCHAR' };

export function columnsOf(statement: RowStatement): Column[] {
  return driverColumns(statement).map((column) => {
    const type = column.getType().toLowerCase();
    return { name: column.getName(), type: SQL_NAMES[type] ?? type.toUpperCase() };
  });
}

/**
 * A writer of rows for this result. The driver's own conversions are put aside, because none of them is fit: numbers
 * within structured types are rounded, VARIANT may be run as code, a value that it cannot convert ends the process,
 * and each timestamp costs a moment object. So its columns are told to hand out the text that came over the wire.
 */
export function rowWriter(statement: RowStatement): (row: readonly Raw[]) => string {
  const writers = driverColumns(statement).map((column, index) => {
    const raw = (row: { values: readonly Raw[] }) => row.values[index];
    Object.assign(column, { _getRowValue: raw, _getRowValueAsString: raw });
    return WRITERS[column.getType().toLowerCase()] ?? JSON.stringify;
  });
  return (row) => {
    let text = '';
    for (let index = 0; index < writers.length; index += 1) {
      const cell = row[index] ?? null;
      if (cell !== null && typeof cell !== 'string') throw notRaw(typeof cell);
      text += (index === 0 ? '[' : ',') + (cell === null ? 'null' : (writers[index] as CellWriter)(cell));
    }
    return `${text}]`;
  };
}

function driverColumns(statement: RowStatement): readonly DriverColumn[] {
  return statement.getColumns() ?? [];
}

function realJson(text: string): string {
  return SPECIAL_NUMBERS[text.toLowerCase()] ?? String(Number(text));
}

/** An SQL NULL within a VARIANT is JSON's null. Line breaks stand between elements only. */
function jsonJson(text: string): string {
  return spliceJson(text.includes('\n') ? text.replace(LINE_BREAKS, '') : text);
}

function isoTimestamp(text: string): string {
  const { seconds, fraction } = secondsOf(text);
  return `${isoText(seconds * 1000).slice(0, -5)}${fraction}`;
}

function isoTime(text: string): string {
  const { seconds, fraction } = secondsOf(text);
  return new Date(seconds * 1000).toISOString().slice(11, 19) + fraction;
}

function isoDate(ms: number): string {
  return isoText(ms).split('T', 1)[0] as string;
}

/** Years beyond 9999 have a sign and six digits, as ISO 8601 has it. */
function isoText(ms: number): string {
  return new Date(ms).toISOString();
}

/** "-0.5" is half a second before the epoch: second -1 and a fraction of .5. */
function secondsOf(text: string): { seconds: number; fraction: string } {
  const [whole = '0', digits = ''] = text.split('.');
  const trimmed = digits.replace(/0+$/, '');
  if (trimmed === '') return { seconds: Number(whole), fraction: '' };
  if (!text.startsWith('-')) return { seconds: Number(whole), fraction: `.${trimmed}` };
  const rest = String(10n ** BigInt(trimmed.length) - BigInt(trimmed)).padStart(trimmed.length, '0');
  return { seconds: Number(whole) - 1, fraction: `.${rest}` };
}

function notRaw(type: string): UpriverError {
  return new UpriverError('INTERNAL_SNOWFLAKE_WIRE', `a cell came as ${type}, not as the text of the wire`, {
    hint: 'This version of upriver does not fit the installed snowflake-sdk: install the one that it names.',
  });
}
