/** Columns that a loop's iterators and a merge's key name, found among those of a query. */
import type { IteratorPlan } from '../contracts/plan.ts';
import { UpriverError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/** The column positions of iterators, in their order. Throws RIVER_UNKNOWN_COLUMN. */
export function resolveIterators(iterators: readonly IteratorPlan[], columns: readonly string[]): number[] {
  return iterators.map((iterator) => {
    const place = placeOfIterator(iterator, columns);
    if (place === -1) throw unknownColumn(iterator, columns);
    return place;
  });
}

/** -1: the query gives no such column. */
export function placeOfIterator(iterator: IteratorPlan, columns: readonly string[]): number {
  if ('column' in iterator) return placeOf(iterator.column, columns);
  return iterator.position < columns.length ? iterator.position : -1;
}

/** The column that a merge's key names, as the query has it. Throws RIVER_UNKNOWN_COLUMN. */
export function keyColumn(name: string, columns: readonly string[]): string {
  const column = columns[placeOf(name, columns)];
  if (column !== undefined) return column;
  throw new UpriverError('RIVER_UNKNOWN_COLUMN', `the query gives no column '${name}', which the merge's key names`, {
    hint: didYouMean(name, columns, 'The query gives no columns.'),
    context: { column: name },
  });
}

/** In any case, an exact match first: Snowflake can have "a" and "A" in one table. -1: it is not there. */
function placeOf(name: string, columns: readonly string[]): number {
  const exact = columns.indexOf(name);
  if (exact !== -1) return exact;
  const wanted = name.toLowerCase();
  return columns.findIndex((column) => column.toLowerCase() === wanted);
}

function unknownColumn(iterator: IteratorPlan, columns: readonly string[]): UpriverError {
  if ('column' in iterator) {
    return new UpriverError('RIVER_UNKNOWN_COLUMN', `the query gives no column '${iterator.column}'`, {
      hint: didYouMean(iterator.column, columns, 'The query gives no columns.'),
      context: { column: iterator.column },
    });
  }
  const { name, position } = iterator;
  return new UpriverError(
    'RIVER_UNKNOWN_COLUMN',
    `the iterator '${name}' stands for column ${position + 1}, but the query gives ${columns.length}`,
    {
      hint: `Columns: ${columns.join(', ')}. Select one more, or take '${name}' out of as.`,
      context: { iterator: name },
    },
  );
}
