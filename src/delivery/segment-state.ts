/** What the parts of a running segment share, and what it is given. */
import type { SendInput } from '../contracts/activities.ts';
import type { StateStore } from '../core/store.ts';
import type { Value } from '../core/values.ts';
import type { Destination } from '../http/http-client.ts';
import type { Body } from './body.ts';
import type { Ending } from './ending.ts';
import type { Ledger } from './ledger.ts';
import type { LoopView } from './loop-view.ts';
import type { Rehearsal } from './rehearsal.ts';
import type { RowReader } from './row-reader.ts';

export interface SegmentDeps {
  store: StateStore;
  /** Rows of the loops around. */
  rows: RowReader;
  destinations: ReadonlyMap<string, Destination>;
  /** Monotonic milliseconds. */
  now: () => number;
  /** Epoch milliseconds. */
  wallClock: () => number;
  sleep: (ms: number) => Promise<void>;
  random: () => number;
  /** No new request after this: a cancel, a worker that drains. */
  stop: AbortSignal;
  /** Requests under way are cut off. */
  abort: AbortSignal;
}

export interface Segment {
  input: SendInput;
  deps: SegmentDeps;
  view: LoopView;
  body: Body;
  ledger: Ledger;
  ending: Ending;
  /** Variables, inputs and built-in names: what rows have in common. */
  scope: { [name: string]: Value };
  /** Bad rows so far, those of earlier segments included. */
  bad: number;
  rehearsal: Rehearsal | null;
}
