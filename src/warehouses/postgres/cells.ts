/** PostgreSQL's text results as JSON text, cell by cell. */
import pg from 'pg';
import { doubleJson, numberJson, spliceJson } from '../json-text.ts';

/** Cell text → JSON text. */
type CellWriter = (text: string) => string;

const { builtins } = pg.types;

const quoted: CellWriter = (text) => JSON.stringify(text);

/** What is not here is written as its text. */
const WRITERS: { readonly [oid: number]: CellWriter | undefined } = {
  [builtins.BOOL]: (text) => (text === 't' ? 'true' : 'false'),
  [builtins.INT2]: (text) => text,
  [builtins.INT4]: (text) => text,
  [builtins.OID]: (text) => text,
  [builtins.INT8]: numberJson,
  [builtins.NUMERIC]: (text) => (/^-?\d/.test(text) ? numberJson(text) : quoted(text)),
  [builtins.FLOAT4]: (text) => doubleJson(Number(text)),
  [builtins.FLOAT8]: (text) => doubleJson(Number(text)),
  [builtins.JSON]: spliceJson,
  [builtins.JSONB]: spliceJson,
  [builtins.TIMESTAMP]: (text) => quoted(isoTime(text)),
  [builtins.TIMESTAMPTZ]: (text) => quoted(isoTime(text).replace(/\+00$/, 'Z')),
  [builtins.BYTEA]: (text) => quoted(Buffer.from(text.slice(2), 'hex').toString('base64')),
};

/** The name of a type that PostgreSQL itself has. */
export function typeName(oid: number): string {
  const known = Object.entries(builtins).find(([, each]) => each === oid);
  return known ? known[0].toLowerCase() : `type ${oid}`;
}

/** A writer for each type, arrays included. @param elements array type → type of its elements */
export function cellWriters(elements: ReadonlyMap<number, number>): (oid: number) => CellWriter {
  return (oid) => {
    const element = elements.get(oid);
    if (element === undefined) return WRITERS[oid] ?? quoted;
    const item = WRITERS[element] ?? quoted;
    return (text) => arrayJson(parseArray(text, item));
  };
}

export function rowJson(cells: readonly (string | null)[]): string {
  let row = '[';
  for (const [index, cell] of cells.entries()) row += (index === 0 ? '' : ',') + (cell ?? 'null');
  return `${row}]`;
}

type Nested = string | null | Nested[];

/** pg's own parser; its declared type is not what it is. */
function parseArray(text: string, item: CellWriter): Nested[] {
  const parser = pg.types.arrayParser as unknown as { create(text: string, item: CellWriter): { parse(): Nested[] } };
  return parser.create(text, item).parse();
}

function arrayJson(items: Nested[]): string {
  return `[${items.map((item) => (Array.isArray(item) ? arrayJson(item) : (item ?? 'null'))).join(',')}]`;
}

/** The session's DateStyle is ISO, its time zone UTC. Years BC and infinities stay as they are. */
function isoTime(text: string): string {
  return text.replace(/^(\d+-\d\d-\d\d) /, '$1T');
}
