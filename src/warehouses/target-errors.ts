/** What can be wrong with the rows of a table target, in any warehouse. */
import { UpriverError } from '../core/errors.ts';

export function checkKeys(found: { nulls: number; duplicates: number; key: readonly string[] }): void {
  const { nulls, duplicates, key } = found;
  if (nulls === 0 && duplicates === 0) return;
  const what = [
    nulls > 0 ? `${nulls} rows have no value for the key` : '',
    duplicates > 0 ? `${duplicates} rows repeat the key of another` : '',
  ].filter(Boolean);
  throw new UpriverError(
    'RIVER_MERGE_KEY',
    `the query's rows cannot be merged by ${key.join(', ')}: ${what.join(', ')}`,
    {
      hint: 'Filter them out, keep one row for each key (qualify row_number() … = 1), or choose a key that identifies a row.',
      context: { rows_without_key: nulls, rows_with_duplicate_key: duplicates },
    },
  );
}
