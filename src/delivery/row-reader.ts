/** Values of single rows, for steps that are done row by row. */
import type { RowRef, RunContext, ScopeRef } from '../contracts/activities.ts';
import { UpriverError } from '../core/errors.ts';
import { resolveIterators } from '../core/iterators.ts';
import { builtIns } from '../core/scope.ts';
import type { RowsetMeta, StateStore } from '../core/store.ts';
import { decode, type Row, revive, type Value } from '../core/values.ts';

/** Chunks kept: the next row is mostly in the same one. Rowsets never change once they are there. */
const KEPT = 8;

interface KeptChunk {
  columns: string[];
  firstRow: number;
  lastRow: number;
  rows: string[];
}

export class RowReader {
  readonly #store: StateStore;
  /** The one used last is at the end. */
  #kept: { rowset: string; chunk: KeptChunk }[] = [];

  constructor(store: StateStore) {
    this.#store = store;
  }

  /** Throws STATE_ROWSET_GONE. */
  async values(rowset: string, row: number): Promise<Row> {
    const { firstRow, rows } = await this.#chunkOf(rowset, row);
    return decode(rows[row - firstRow] ?? '[]') as Row;
  }

  /** Iterators of a row, by name. Throws STATE_ROWSET_GONE, RIVER_UNKNOWN_COLUMN. */
  async iterators({ rowset, row, iterators }: RowRef): Promise<{ [name: string]: Value }> {
    const { columns } = await this.#chunkOf(rowset, row);
    const values = await this.values(rowset, row);
    const places = resolveIterators(iterators, columns);
    return Object.fromEntries(iterators.map(({ name }, index) => [name, values[places[index] as number] ?? null]));
  }

  async #chunkOf(rowset: string, row: number): Promise<KeptChunk> {
    const known = this.#kept.find((kept) => kept.rowset === rowset && isIn(kept.chunk, row));
    const kept = known ?? { rowset, chunk: await this.#read(rowset, row) };
    this.#kept = [...this.#kept.filter((other) => other !== known), kept].slice(-KEPT);
    return kept.chunk;
  }

  async #read(id: string, row: number): Promise<KeptChunk> {
    const rowset = await this.#store.getRowset(id);
    if (!rowset) throw rowsGone(id);
    const chunk = rowset.chunkStarts.findLastIndex((start) => start <= row);
    const { firstRow, rows } = await this.#store.readChunk(id, chunk);
    return { columns: rowset.columns, firstRow, lastRow: lastRowOf(rowset, chunk), rows };
  }
}

/** Everything that a step may refer to, by name: variables, built-in names, and the rows around it. */
export async function scopeOf(
  { run, scope, rows }: ScopeRef & { run: RunContext },
  reader: RowReader,
): Promise<{ [name: string]: Value }> {
  const found = { ...(revive(scope) as { [name: string]: Value }), ...builtIns(run) };
  for (const ref of rows) Object.assign(found, await reader.iterators(ref), { row: { number: ref.row + 1 } });
  return found;
}

export function rowsGone(of: string): UpriverError {
  return new UpriverError('STATE_ROWSET_GONE', `The rows of ${of} are no longer in the state store.`, {
    hint: 'They are kept for the `retention` of upriver.yaml. Run the river again.',
  });
}

function isIn({ firstRow, lastRow }: KeptChunk, row: number): boolean {
  return row >= firstRow && row <= lastRow;
}

function lastRowOf({ chunkStarts, rows }: RowsetMeta, chunk: number): number {
  return (chunkStarts[chunk + 1] ?? rows) - 1;
}
