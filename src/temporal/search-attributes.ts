/** upriver's search attributes on a Temporal server: registered where that is allowed, done without where it is not. */
import type { ConnectionLike } from '@temporalio/client';
import { SEARCH_ATTRIBUTES } from '../contracts/run.ts';

/** A type as the CLI's flags name it, and as the API numbers it (temporal.api.enums.v1.IndexedValueType). */
const TYPES = {
  KEYWORD: { flag: 'Keyword', code: 2 },
  INT: { flag: 'Int', code: 3 },
} as const;

export interface SearchAttributeCheck {
  status: 'registered' | 'missing';
  /** Those that are missing, or were not there before. */
  names: string[];
}

/** Arguments of `temporal server start-dev` and of `temporal operator search-attribute create`. */
export function searchAttributeFlags(): string[] {
  return Object.entries(SEARCH_ATTRIBUTES).map(([name, type]) => `${name}=${TYPES[type].flag}`);
}

/** Adds those that the namespace lacks. `missing`: this server does not let us (Temporal Cloud, a role without the right). */
export async function ensureSearchAttributes(
  connection: ConnectionLike,
  namespace: string,
): Promise<SearchAttributeCheck> {
  const missing = await missingSearchAttributes(connection, namespace);
  if (missing.length === 0) return { status: 'registered', names: [] };
  const searchAttributes = Object.fromEntries(missing.map((name) => [name, TYPES[SEARCH_ATTRIBUTES[name]].code]));
  try {
    await connection.operatorService.addSearchAttributes({ namespace, searchAttributes });
    return { status: 'registered', names: missing };
  } catch {
    return { status: 'missing', names: missing };
  }
}

/** Names that the namespace lacks, or has with another type; all of them where it does not say. */
export async function missingSearchAttributes(connection: ConnectionLike, namespace: string): Promise<AttributeName[]> {
  const known = await connection.operatorService.listSearchAttributes({ namespace }).then(
    (reply) => reply.customAttributes ?? {},
    () => ({}) as Record<string, number>,
  );
  const names = Object.keys(SEARCH_ATTRIBUTES) as AttributeName[];
  return names.filter((name) => known[name] !== TYPES[SEARCH_ATTRIBUTES[name]].code);
}

type AttributeName = keyof typeof SEARCH_ATTRIBUTES;
