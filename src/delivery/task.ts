/** Rows on their way through a loop's body. */
import type { Row, Value } from '../core/values.ts';
import type { PreparedRequest } from '../http/http-client.ts';
import type { CompiledRequest } from './action.ts';

export interface RowTask {
  chunk: number;
  /** From 0, in the rowset. */
  row: number;
  values: Row;
  /** JSON text of the key's values; null: no key. */
  key: string | null;
  /** For `send: changed`: hashes of the key and of what the row supplies. */
  hashes: { key: Uint8Array; hash: Uint8Array } | null;
  /** The store may hold a hash of what was delivered under its key before: it no longer holds once this row is sent. */
  wasDelivered: boolean;
  progress: Progress;
}

/** Rows that ride in one request. */
export interface Unit {
  rows: readonly RowTask[];
  request: CompiledRequest;
  prepared: PreparedRequest;
  markAhead: boolean;
  /** The body makes several requests, so a row in doubt must say in which. */
  keepsProgress: boolean;
  /** Steps around the request that have a timeout. */
  timed: readonly TimedStep[];
}

export interface TimedStep {
  id: string;
  timeoutMs: number;
}

/** Where a row stands in its body. Kept while it waits, so that another process goes on from there. */
export interface Progress {
  /** Place of the request at hand among those of the body, from 0. */
  cursor: number;
  /** Requests made for the request at hand. */
  attempts: number;
  /** Of those the ones that cost it a try whatever follows: others were answered after them. */
  charged: number;
  /** Milliseconds that it took in steps with a timeout, by their ids. */
  spent: Readonly<Record<string, number>>;
  /** The request at hand must not be sent again once it may have been applied. */
  risky: boolean;
  /** A request for it may have been applied, though it is not over: if it is never sent again, nobody knows. */
  maybe: boolean;
  /** It failed in an outage: another row tells more of whether that is over. */
  asked: boolean;
  /** Not to be tried again before `until` (epoch ms), so many ms away when that was said: whatever clocks say, no more. */
  wait: { until: number; ms: number } | null;
  /** Outputs of requests that must not be repeated, by their place. */
  done: Readonly<Record<string, { [output: string]: Value }>>;
}

/** One for all rows: two objects of their own, which few ever use, would be a tenth of a row's memory. */
const NOTHING = Object.freeze({});

export function freshProgress(): Progress {
  return {
    cursor: 0,
    attempts: 0,
    charged: 0,
    spent: NOTHING,
    risky: false,
    maybe: false,
    asked: false,
    wait: null,
    done: NOTHING,
  };
}

/** What it has used up since others were answered is given back: it was not its fault, or nobody knows. */
export function giveBack(progress: Progress): void {
  progress.attempts = progress.charged;
  progress.spent = NOTHING;
  progress.wait = null;
}
