/** DuckDB's column vectors as JSON text, row by row, without a JavaScript value in between where that can be avoided. */
import {
  type DuckDBArrayType,
  type DuckDBDataChunk,
  DuckDBDateValue,
  type DuckDBListType,
  type DuckDBMapType,
  type DuckDBMapValue,
  type DuckDBStructType,
  DuckDBTimestampNanosecondsValue,
  DuckDBTimestampValue,
  type DuckDBType,
  DuckDBTypeId,
  type DuckDBUnionType,
  type DuckDBValue,
  type DuckDBVariantValue,
} from '@duckdb/node-api';
import { bigintJson, doubleJson, numberJson, spliceJson } from '../json-text.ts';

/** JSON text of one value that is not null. */
type CellWriter = (value: never) => string;

const MS_PER_DAY = 86_400_000;
/** Years 1 to 9999: those that need four digits and no sign. */
const MIN_MS = Date.parse('0001-01-01T00:00:00Z');
const MAX_MS = Date.parse('9999-12-31T23:59:59.999Z');

const text = (value: { toString(): string }) => JSON.stringify(value.toString());
const integer = (value: number) => String(value);
const bytes = (value: { bytes: Uint8Array }) => `"${Buffer.from(value.bytes).toString('base64')}"`;

/** Types whose text does not depend on parameters of the type. What is missing here is written as its own text. */
const WRITERS: { readonly [typeId: number]: CellWriter | undefined } = {
  [DuckDBTypeId.BOOLEAN]: (value: boolean) => (value ? 'true' : 'false'),
  [DuckDBTypeId.TINYINT]: integer,
  [DuckDBTypeId.SMALLINT]: integer,
  [DuckDBTypeId.INTEGER]: integer,
  [DuckDBTypeId.UTINYINT]: integer,
  [DuckDBTypeId.USMALLINT]: integer,
  [DuckDBTypeId.UINTEGER]: integer,
  [DuckDBTypeId.BIGINT]: bigintJson,
  [DuckDBTypeId.UBIGINT]: bigintJson,
  [DuckDBTypeId.HUGEINT]: bigintJson,
  [DuckDBTypeId.UHUGEINT]: bigintJson,
  [DuckDBTypeId.BIGNUM]: bigintJson,
  [DuckDBTypeId.DECIMAL]: (value: { toString(): string }) => numberJson(value.toString()),
  [DuckDBTypeId.DOUBLE]: doubleJson,
  [DuckDBTypeId.FLOAT]: (value: number) => doubleJson(shortestFloat(value)),
  [DuckDBTypeId.DATE]: dateJson,
  [DuckDBTypeId.TIMESTAMP]: (value: { micros: bigint }) => timestampJson(value.micros, ''),
  [DuckDBTypeId.TIMESTAMP_TZ]: (value: { micros: bigint }) => timestampJson(value.micros, 'Z'),
  [DuckDBTypeId.TIMESTAMP_S]: (value: { seconds: bigint }) => timestampJson(value.seconds * 1_000_000n, ''),
  [DuckDBTypeId.TIMESTAMP_MS]: (value: { millis: bigint }) => timestampJson(value.millis * 1000n, ''),
  [DuckDBTypeId.TIMESTAMP_NS]: (value: { nanos: bigint }) => isoText(new DuckDBTimestampNanosecondsValue(value.nanos)),
  [DuckDBTypeId.BLOB]: bytes,
  [DuckDBTypeId.GEOMETRY]: bytes,
  [DuckDBTypeId.VARIANT]: (value: DuckDBVariantValue) =>
    value.type ? cellJson(value.value, cellWriter(value.type)) : 'null',
};

/** A writer of rows for a result with these columns. */
export function rowWriter(types: readonly DuckDBType[]): (chunk: DuckDBDataChunk) => string[] {
  const writers = types.map(cellWriter);
  return (chunk) => {
    const rows = new Array<string>(chunk.rowCount).fill('');
    for (const [index, writer] of writers.entries()) {
      const vector = chunk.getColumnVector(index);
      const before = index === 0 ? '[' : ',';
      for (let row = 0; row < rows.length; row += 1) rows[row] += before + cellJson(vector.getItem(row), writer);
    }
    for (let row = 0; row < rows.length; row += 1) rows[row] += ']';
    return rows;
  };
}

function cellJson(value: DuckDBValue, writer: CellWriter): string {
  return value === null || value === undefined ? 'null' : writer(value as never);
}

function cellWriter(type: DuckDBType): CellWriter {
  if (type.alias === 'JSON') return spliceJson;
  switch (type.typeId) {
    case DuckDBTypeId.VARCHAR:
      return (value: string) => JSON.stringify(value);
    case DuckDBTypeId.LIST:
    case DuckDBTypeId.ARRAY:
      return listWriter(type as DuckDBListType | DuckDBArrayType);
    case DuckDBTypeId.STRUCT:
      return structWriter(type as DuckDBStructType);
    case DuckDBTypeId.MAP:
      return mapWriter(type as DuckDBMapType);
    case DuckDBTypeId.UNION:
      return unionWriter(type as DuckDBUnionType);
    default:
      return WRITERS[type.typeId] ?? text;
  }
}

function listWriter(type: DuckDBListType | DuckDBArrayType): CellWriter {
  const item = cellWriter(type.valueType);
  return (value: { items: readonly DuckDBValue[] }) => `[${value.items.map((each) => cellJson(each, item)).join(',')}]`;
}

function structWriter(type: DuckDBStructType): CellWriter {
  const fields = type.entryNames.map((name, index) => ({
    name,
    label: `${JSON.stringify(name)}:`,
    writer: cellWriter(type.entryTypes[index] as DuckDBType),
  }));
  return (value: { entries: Readonly<Record<string, DuckDBValue>> }) =>
    `{${fields.map((field) => field.label + cellJson(value.entries[field.name] ?? null, field.writer)).join(',')}}`;
}

/** A JSON object; keys that are not text are named by their JSON text. */
function mapWriter(type: DuckDBMapType): CellWriter {
  const key = cellWriter(type.keyType);
  const item = cellWriter(type.valueType);
  return (value: DuckDBMapValue) => {
    const entries = value.entries.map((entry) => {
      const name = typeof entry.key === 'string' ? entry.key : cellJson(entry.key, key).replace(/^"|"$/g, '');
      return `${JSON.stringify(name)}:${cellJson(entry.value, item)}`;
    });
    return `{${entries.join(',')}}`;
  };
}

function unionWriter(type: DuckDBUnionType): CellWriter {
  const writers = new Map(
    type.memberTags.map((tag, index) => [tag, cellWriter(type.memberTypes[index] as DuckDBType)]),
  );
  return (value: { tag: string; value: DuckDBValue }) => cellJson(value.value, writers.get(value.tag) ?? text);
}

function dateJson(value: DuckDBDateValue): string {
  const ms = value.days * MS_PER_DAY;
  return inIsoRange(ms) ? `"${new Date(ms).toISOString().slice(0, 10)}"` : text(new DuckDBDateValue(value.days));
}

function timestampJson(micros: bigint, zone: '' | 'Z'): string {
  const fraction = ((micros % 1_000_000n) + 1_000_000n) % 1_000_000n;
  const ms = Number((micros - fraction) / 1000n);
  if (!inIsoRange(ms)) return isoText(new DuckDBTimestampValue(micros));
  const seconds = new Date(ms).toISOString().slice(0, 19);
  const decimals = fraction === 0n ? '' : `.${String(fraction).padStart(6, '0').replace(/0+$/, '')}`;
  return `"${seconds}${decimals}${zone}"`;
}

/** DuckDB's own text with ISO's T between date and time (years before 1, infinity, nanoseconds). */
function isoText(value: { toString(): string }): string {
  return JSON.stringify(value.toString().replace(/(\d) (\d)/, '$1T$2'));
}

function inIsoRange(ms: number): boolean {
  return ms >= MIN_MS && ms <= MAX_MS;
}

/** The shortest decimal that is this 32-bit float: 0.1, not 0.10000000149011612. */
function shortestFloat(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}
