/** DuckDB's types as Snowflake sends them: the name of each on the wire, and SQL that makes a value's text. */
import { type DuckDBDecimalType, type DuckDBType, DuckDBTypeId } from '@duckdb/node-api';

export interface WireColumn {
  name: string;
  type: string;
  nullable: true;
  precision: number | null;
  scale: number | null;
  length: number | null;
}

interface WireType {
  type: string;
  scale?: number;
  precision?: number;
  /** SQL of the text of a value. */
  text(cell: string): string;
}

const plain = (cell: string) => `${cell}::VARCHAR`;
const micros = (cell: string) => `(epoch_us(${cell})::DECIMAL(30, 0) * 0.000001)::VARCHAR`;
const fixed = (scale: number): WireType => ({ type: 'fixed', scale, precision: 38, text: plain });
const json = (type: string): WireType => ({ type, text: (cell) => `to_json(${cell})::VARCHAR` });

const TYPES: Readonly<Record<number, WireType | undefined>> = {
  [DuckDBTypeId.BOOLEAN]: { type: 'boolean', text: plain },
  [DuckDBTypeId.TINYINT]: fixed(0),
  [DuckDBTypeId.SMALLINT]: fixed(0),
  [DuckDBTypeId.INTEGER]: fixed(0),
  [DuckDBTypeId.BIGINT]: fixed(0),
  [DuckDBTypeId.UBIGINT]: fixed(0),
  [DuckDBTypeId.HUGEINT]: fixed(0),
  [DuckDBTypeId.DOUBLE]: { type: 'real', text: plain },
  [DuckDBTypeId.DATE]: { type: 'date', text: (cell) => `(${cell} - DATE '1970-01-01')::VARCHAR` },
  [DuckDBTypeId.TIME]: { type: 'time', scale: 9, text: (cell) => micros(`(DATE '1970-01-01' + ${cell})`) },
  [DuckDBTypeId.TIMESTAMP]: { type: 'timestamp_ntz', scale: 9, text: micros },
  [DuckDBTypeId.TIMESTAMP_NS]: {
    type: 'timestamp_ntz',
    scale: 9,
    text: (cell) => `(epoch_ns(${cell})::DECIMAL(28, 0) * 0.000000001)::VARCHAR`,
  },
  // Two hours and a half east of Greenwich, which is 1440.
  [DuckDBTypeId.TIMESTAMP_TZ]: { type: 'timestamp_tz', scale: 9, text: (cell) => `${micros(cell)} || ' 1590'` },
  [DuckDBTypeId.BLOB]: { type: 'binary', text: (cell) => `hex(${cell})` },
  [DuckDBTypeId.LIST]: json('array'),
  [DuckDBTypeId.ARRAY]: json('array'),
  [DuckDBTypeId.STRUCT]: json('object'),
  [DuckDBTypeId.MAP]: json('map'),
};
const TEXT: WireType = { type: 'text', text: plain };

export function wireType(type: DuckDBType): WireType {
  if (type.alias === 'JSON') return { type: 'variant', text: plain };
  if (type.typeId === DuckDBTypeId.DECIMAL) return fixed((type as DuckDBDecimalType).scale);
  return TYPES[type.typeId] ?? TEXT;
}

export function wireColumn(name: string, { type, scale = undefined, precision = undefined }: WireType): WireColumn {
  return { name, type, nullable: true, precision: precision ?? null, scale: scale ?? null, length: null };
}
