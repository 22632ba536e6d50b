/** References to secrets: how they are known, and the seam between those who need one and the one place that reads it. */
import type { ConnectionPlan, Json, Reference } from '../contracts/plan.ts';

/** Reads `{ env: NAME }` and `{ file: PATH }` references, each time anew: a rotated secret is seen at its next use. */
export interface SecretResolver {
  /** Throws UpriverError CONFIG_SECRET_MISSING, naming the reference, never the value. */
  resolve(reference: Reference): Promise<string>;
}

/** `{ env: NAME }` or `{ file: PATH }`, with nothing else in it. */
export function referenceIn(value: { [key: string]: Json }): Reference | null {
  const { env, file } = value;
  if (Object.keys(value).length !== 1) return null;
  if (typeof env === 'string') return { env };
  return typeof file === 'string' ? { file } : null;
}

/** Every reference in these connections. */
export function referencesOf(connections: Iterable<ConnectionPlan>): Reference[] {
  return [...connections].flatMap((connection) => referencesBelow(connection as unknown as Json));
}

function referencesBelow(value: Json): Reference[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(referencesBelow);
  const reference = referenceIn(value);
  return reference ? [reference] : Object.values(value).flatMap(referencesBelow);
}
