/** The state store's door. */
import type { StateStore } from '../core/store.ts';
import { stateError } from './errors.ts';
import { openPostgres } from './postgres/engine.ts';
import { openSqlite } from './sqlite/engine.ts';
import { storeOn } from './store.ts';

export interface OpenStore {
  /** postgres://… for a store that several machines share. */
  url?: string;
  /** The SQLite file, made with its folder where missing. */
  path?: string;
  /** Epoch milliseconds. Left out: the machine's clock (SQLite) or the server's (PostgreSQL). */
  clock?: () => number;
}

/**
 * Opens the store and brings its schema up to date. Rejects with `STATE_…` errors; those with `retry` go away by
 * waiting (server not up, disk full).
 */
export async function openStore({ url, path, clock }: OpenStore): Promise<StateStore> {
  if (url && !/^postgres(ql)?:\/\//.test(url)) throw stateError('STATE_URL', 'state.url is no PostgreSQL URL');
  if (url) return storeOn(await openPostgres(url), clock);
  if (!path) throw stateError('STATE_URL', 'the state store has neither a url nor a path');
  return storeOn(await openSqlite(path), clock);
}
