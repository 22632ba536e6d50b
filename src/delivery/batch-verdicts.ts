/** Which rows of an answered batch were taken and which refused. What the answer does not account for is not delivered. */
import { isObject, type Scope, toText, type Value } from '../core/values.ts';
import type { CompiledBatch, Render } from './action.ts';

interface Refusal {
  code: string;
  message: string;
}

/** By the name of the row that each is of. */
type Refusals = ReadonlyMap<string, Refusal>;

export type RowVerdict = 'delivered' | Refusal | 'unaccounted';

/**
 * A verdict per id, in the order given. `null` ids are never accounted for by name. What an answer to one row alone
 * refuses is that row, by whatever name.
 */
export function verdicts(batch: CompiledBatch, ids: readonly (string | null)[], reply: Scope): RowVerdict[] {
  // Without any mapping an answer speaks for all its rows.
  if (!batch.delivered && !batch.rejected) return ids.map(() => 'delivered');
  const refused = refusals(evaluate(batch.rejected, reply));
  const taken = batch.delivered ? names(evaluate(batch.delivered, reply)) : null;
  const othersTaken = taken === null && areAllAmong(refused, ids);
  return ids.map((id) => {
    if (id === null) return 'unaccounted';
    const isTaken = taken?.has(id) ?? othersTaken;
    const refusal = refused.get(id) ?? (ids.length === 1 ? refusalOfOne(refused, isTaken) : undefined);
    // Taken and refused at once: the answer contradicts itself.
    if (refusal) return taken?.has(id) ? 'unaccounted' : refusal;
    return isTaken ? 'delivered' : 'unaccounted';
  });
}

/** Else it is not known which of the rows a refusal means. */
function areAllAmong(refused: Refusals, ids: readonly (string | null)[]): boolean {
  if (refused === FAILED || refused.size === 0) return refused !== FAILED;
  const known = new Set(ids);
  return refused.keys().every((name) => known.has(name));
}

function refusalOfOne(refused: Refusals, isTaken: boolean): Refusal | undefined {
  return refused.get(NAMELESS) ?? (isTaken ? undefined : refused.values().next().value);
}

/** A mapping that fails accounts for no row. */
function evaluate(mapping: Render | null, reply: Scope): Value | undefined {
  try {
    return mapping ? mapping(reply) : [];
  } catch {
    return undefined;
  }
}

/** No row has an empty name. */
const NAMELESS = '';
const FAILED: Refusals = new Map();

function refusals(value: Value | undefined): Refusals {
  if (value === null) return new Map();
  if (!Array.isArray(value)) return FAILED;
  const refused = new Map<string, Refusal>();
  for (const item of value) {
    const id = nameOf(isObject(item) ? item.id : item) ?? NAMELESS;
    const { code, message } = isObject(item) ? item : { code: null, message: null };
    refused.set(id, { code: textOr(code, 'ROW_REFUSED'), message: textOr(message, 'The API refused this row.') });
  }
  return refused;
}

function names(value: Value | undefined): Set<string> {
  const found = new Set<string>();
  for (const item of Array.isArray(value) ? value : []) {
    const name = nameOf(item);
    if (name !== null) found.add(name);
  }
  return found;
}

/** Ids compare as text, whatever their type in the answer. An empty one names nothing. */
function nameOf(value: Value | undefined): string | null {
  if (value === null || value === undefined || typeof value === 'boolean') return null;
  return toText(value) || null;
}

function textOr(value: Value | undefined, otherwise: string): string {
  return value === null || value === undefined ? otherwise : toText(value) || otherwise;
}
