/** Rows of ours into a temporary table of PostgreSQL, and the query that reads them back with the types that they need. */
import { toWireJson } from '../../core/values.ts';
import { type ColumnKind, KindCollector } from '../column-kinds.ts';
import { quoteName } from '../names.ts';
import type { RowsToWrite } from '../warehouse.ts';
import type { Run } from './target.ts';

const BATCH_ROWS = 2_000;
const ROWS = 'pg_temp._upriver_rows';

/** Cells go in as JSON text, since a column's type is known only after its last row. Returns the query. */
export async function stageRows(run: Run, source: RowsToWrite, throwIfEnded: () => void): Promise<string> {
  const { columns } = source;
  const names = columns.map((_, index) => `c${index}`);
  await run(`CREATE TEMP TABLE _upriver_rows (${names.map((name) => `${name} text`).join(', ')}) ON COMMIT DROP`);
  const insert = `INSERT INTO ${ROWS} SELECT * FROM unnest(${names.map((_, index) => `$${index + 1}::text[]`).join(', ')})`;
  const kinds = new KindCollector(columns.length);
  let cells: (string | null)[][] = columns.map(() => []);
  const flush = async () => {
    await run(insert, cells);
    cells = columns.map(() => []);
  };
  for await (const row of source.rows) {
    throwIfEnded();
    kinds.add(row);
    for (const [index, column] of cells.entries()) column.push(cellText(row[index] ?? null));
    if (cells[0]?.length === BATCH_ROWS) await flush();
  }
  await flush();
  const selected = kinds.kinds.map(
    (kind, index) => `${cellSql(`c${index}`, kind)} AS ${quoteName(columns[index] as string)}`,
  );
  return `SELECT ${selected.join(', ')} FROM ${ROWS}`;
}

function cellText(value: Parameters<typeof toWireJson>[0]): string | null {
  return value === null ? null : toWireJson(value);
}

function cellSql(cell: string, { kind, whole }: ColumnKind): string {
  if (kind === 'json') return `${cell}::jsonb`;
  if (kind === 'boolean') return `${cell}::boolean`;
  if (kind === 'double') return `${cell}::double precision`;
  if (kind === 'integer' && whole <= 18) return `${cell}::bigint`;
  if (kind === 'integer' || kind === 'decimal') return `${cell}::numeric`;
  return `${cell}::jsonb #>> '{}'`;
}
