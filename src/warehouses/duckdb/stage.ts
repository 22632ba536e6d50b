/** Rows of ours into a temporary table, and the query that reads them back with the types that they need. */
import { type DuckDBConnection, DuckDBDataChunk, VARCHAR } from '@duckdb/node-api';
import type { Row } from '../../core/values.ts';
import { toWireJson } from '../../core/values.ts';
import { type ColumnKind, KindCollector } from '../column-kinds.ts';
import { quoteName } from '../names.ts';
import type { RowsToWrite } from '../warehouse.ts';

const CHUNK_ROWS = 2048;
const MAX_DIGITS = 38;
const STAGE = '_upriver_rows';

/** Cells go in as JSON text, since a column's type is known only after its last row. Returns the query. */
export async function stageRows(
  connection: DuckDBConnection,
  source: RowsToWrite,
  throwIfEnded: () => void,
): Promise<string> {
  const { columns } = source;
  await connection.run(
    `CREATE OR REPLACE TEMP TABLE ${STAGE} (${columns.map((_, index) => `c${index} VARCHAR`).join(', ')})`,
  );
  const kinds = new KindCollector(columns.length);
  const appender = await connection.createAppender(STAGE, 'main', 'temp');
  const types = columns.map(() => VARCHAR);
  let buffer: Row[] = [];
  const flush = () => {
    const chunk = DuckDBDataChunk.create(types, buffer.length);
    chunk.setRows(buffer.map((row) => columns.map((_, index) => cellText(row, index))));
    appender.appendDataChunk(chunk);
    buffer = [];
  };
  for await (const row of source.rows) {
    throwIfEnded();
    kinds.add(row);
    if (buffer.push(row) === CHUNK_ROWS) flush();
  }
  if (buffer.length > 0) flush();
  appender.closeSync();
  const cells = kinds.kinds.map(
    (kind, index) => `${cellSql(`c${index}`, kind)} AS ${quoteName(columns[index] as string)}`,
  );
  return `SELECT ${cells.join(', ')} FROM temp.main.${STAGE}`;
}

function cellText(row: Row, index: number): string | null {
  const value = row[index] ?? null;
  return value === null ? null : toWireJson(value);
}

function cellSql(cell: string, { kind, whole, scale }: ColumnKind): string {
  if (kind === 'json') return `${cell}::JSON`;
  if (kind === 'boolean') return `${cell}::BOOLEAN`;
  if (kind === 'double') return `${cell}::DOUBLE`;
  if (kind === 'integer' && whole <= 18) return `${cell}::BIGINT`;
  if (kind === 'integer' && whole <= MAX_DIGITS) return `${cell}::HUGEINT`;
  if (kind === 'decimal' && whole + scale <= MAX_DIGITS) return `${cell}::DECIMAL(${whole + scale}, ${scale})`;
  // Text as it is; anything else in the column (numbers too long for a decimal too) as its JSON text.
  return `CASE WHEN ${cell}[1] = '"' THEN json_extract_string(${cell}::JSON, '$') ELSE ${cell} END`;
}
