/** Keeps a row's values out of errors: those go into Temporal, and a warehouse or a script may quote what it was given. */
import type { RowRef } from '../contracts/activities.ts';
import { UpriverError } from '../core/errors.ts';
import { isObject, type Scope, toText, type Value } from '../core/values.ts';

/** Shorter texts tell little of a row, and are part of many words. */
const LEAST_CHARS = 4;

/** Each value of the rows around stands as `{iterator}` in the error that is thrown. */
export async function hidingRows<T>(rows: readonly RowRef[], scope: Scope, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw error instanceof UpriverError && rows.length > 0 ? hidden(error, textsOf(rows, scope)) : error;
  }
}

function hidden(error: UpriverError, texts: [text: string, name: string][]): UpriverError {
  const message = texts.reduce((kept, [text, name]) => kept.replaceAll(text, `{${name}}`), error.message);
  const { code, hint, retry, retryAfterMs, context, position } = error;
  return new UpriverError(code, message, { hint, retry, retryAfterMs, context, position });
}

/** The longest first: one may be part of another. */
function textsOf(rows: readonly RowRef[], scope: Scope): [text: string, name: string][] {
  const names = rows.flatMap(({ iterators }) => iterators.map(({ name }) => name));
  const texts = names.flatMap((name) =>
    leaves(scope[name] ?? null).map((leaf): [string, string] => [toText(leaf), name]),
  );
  return texts.filter(([text]) => text.length >= LEAST_CHARS).sort(([a], [b]) => b.length - a.length);
}

function leaves(value: Value): Value[] {
  if (Array.isArray(value)) return value.flatMap(leaves);
  return isObject(value) ? Object.values(value).flatMap(leaves) : [value];
}
