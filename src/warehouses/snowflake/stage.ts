/** Rows of ours into a temporary table, and the query that reads them back with the types that they need. */
import type { TableTarget } from '../../contracts/plan.ts';
import type { Row, Value } from '../../core/values.ts';
import { toWireJson } from '../../core/values.ts';
import type { RenderedSql } from '../bound-sql.ts';
import { type ColumnKind, KindCollector } from '../column-kinds.ts';
import { parseTableName, quoteName } from '../names.ts';
import type { RowsToWrite } from '../warehouse.ts';
import type { Running } from './running.ts';

/** Of one request. Above 65,280 binds the driver would go by way of a file. */
const BATCH_BINDS = 20_000;
const BATCH_BYTES = 4_000_000;
const MAX_DIGITS = 38;
/** Text is told from JSON text by it. */
const TEXT = '"';

/** Cells go in as text, since a column's type is known only after its last row. */
export async function stageRows(running: Running, source: RowsToWrite, target: TableTarget): Promise<RenderedSql> {
  const { columns } = source;
  const table = temporaryName(target.table);
  const cells = columns.map((_, index) => `c${index}`);
  await running.quick({
    text: `CREATE OR REPLACE TEMPORARY TABLE ${table} (${cells.map((cell) => `${cell} VARCHAR`).join(', ')})`,
    binds: [],
  });
  const insert = `INSERT INTO ${table} VALUES (${cells.map(() => '?').join(', ')})`;
  const kinds = new KindCollector(columns.length);
  for await (const batch of batches(source, kinds)) await running.insert(insert, batch);
  const typed = kinds.kinds.map(
    (kind, index) => `${cellSql(`c${index}`, kind)} AS ${quoteName(columns[index] as string)}`,
  );
  return { text: `SELECT ${typed.join(', ')} FROM ${table}`, binds: [] };
}

async function* batches({ columns, rows }: RowsToWrite, kinds: KindCollector): AsyncGenerator<(string | null)[][]> {
  const most = Math.max(1, Math.floor(BATCH_BINDS / columns.length));
  let batch: (string | null)[][] = [];
  let bytes = 0;
  for await (const row of rows) {
    kinds.add(row);
    const cells = columns.map((_, index) => cellText(row, index));
    for (const cell of cells) bytes += cell?.length ?? 0;
    batch.push(cells);
    if (batch.length < most && bytes < BATCH_BYTES) continue;
    yield batch;
    batch = [];
    bytes = 0;
  }
  if (batch.length > 0) yield batch;
}

function cellText(row: Row, index: number): string | null {
  const value: Value = row[index] ?? null;
  if (value === null) return null;
  return typeof value === 'string' ? TEXT + value : toWireJson(value);
}

function cellSql(cell: string, { kind, whole, scale }: ColumnKind): string {
  if (kind === 'boolean') return `${cell}::BOOLEAN`;
  if (kind === 'double') return `${cell}::DOUBLE`;
  if (kind === 'integer' && whole <= MAX_DIGITS) return `${cell}::NUMBER(${MAX_DIGITS}, 0)`;
  if (kind === 'decimal' && whole + scale <= MAX_DIGITS) return `${cell}::NUMBER(${MAX_DIGITS}, ${scale})`;
  const isText = `LEFT(${cell}, 1) = '${TEXT}'`;
  if (kind === 'json') return `CASE WHEN ${isText} THEN TO_VARIANT(SUBSTR(${cell}, 2)) ELSE PARSE_JSON(${cell}) END`;
  // Text as it is; anything else in the column (numbers too long for a decimal too) as its JSON text.
  return `CASE WHEN ${isText} THEN SUBSTR(${cell}, 2) ELSE ${cell} END`;
}

/** Beside the target, since a session need not have a schema of its own. */
function temporaryName(target: string): string {
  const parts = parseTableName(target).slice(0, -1);
  const schema = parts.map((part) => quoteName(part.quoted ? part.text : part.text.toUpperCase()));
  return [...schema, quoteName('_UPRIVER_ROWS')].join('.');
}
