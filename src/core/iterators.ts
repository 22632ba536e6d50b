/** A loop's iterators, found among the columns that a query really gave. Columns are known at run time only. */
import type { IteratorPlan } from '../contracts/plan.ts';
import { UpriverError } from './errors.ts';
import { didYouMean } from './suggest.ts';

/**
 * The column position of each iterator, in order. Names match in any case, an exact match first.
 * Throws RIVER_UNKNOWN_COLUMN.
 */
export function resolveIterators(iterators: readonly IteratorPlan[], columns: readonly string[]): number[] {
  return iterators.map((iterator) =>
    'column' in iterator ? byName(iterator.column, columns) : byPosition(iterator, columns),
  );
}

/** The position of a column, in any case, an exact match first; -1: it is not there. */
export function placeOf(name: string, columns: readonly string[]): number {
  const exact = columns.indexOf(name);
  if (exact !== -1) return exact;
  const wanted = name.toLowerCase();
  return columns.findIndex((column) => column.toLowerCase() === wanted);
}

function byName(name: string, columns: readonly string[]): number {
  const position = placeOf(name, columns);
  if (position !== -1) return position;
  throw new UpriverError('RIVER_UNKNOWN_COLUMN', `the query gives no column '${name}'`, {
    hint: didYouMean(name, columns, 'The query gives no columns.'),
    context: { column: name },
  });
}

function byPosition(iterator: { name: string; position: number }, columns: readonly string[]): number {
  if (iterator.position < columns.length) return iterator.position;
  throw new UpriverError(
    'RIVER_UNKNOWN_COLUMN',
    `the iterator '${iterator.name}' stands for column ${iterator.position + 1}, but the query gives ${columns.length}`,
    {
      hint: `Columns: ${columns.join(', ')}. Select one more, or take '${iterator.name}' out of as.`,
      context: { iterator: iterator.name },
    },
  );
}
