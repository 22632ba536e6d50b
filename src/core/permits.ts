/** The seam between the HTTP limiter and the store that makes limits hold across processes. Types only. */

/** A rolling window of a connection: never more than `requests` in any `perMs` as the server sees them. */
export interface Window {
  /** Stable: connection, and which of its limits. */
  id: string;
  requests: number;
  perMs: number;
}

export interface PermitRequest {
  connection: string;
  /** All must have room; a permit is taken from each. */
  windows: readonly Window[];
  /** How many are wanted; fewer may come. */
  want: number;
  /** Who takes: process and loop, for fair shares. */
  taker: string;
}

export interface PermitGrant {
  /** 0: none now, see `retryInMs`. */
  granted: number;
  /** Names the block in reports. */
  block: string;
  /** When none were granted: how long until asking again can help, in ms. */
  retryInMs: number;
  /** Why none were granted. */
  reason: 'window' | 'paused' | null;
}

/** How permits of a block ended. A permit not reported frees itself 1 s + W + an allowance after it was taken. */
export interface PermitReport {
  block: string;
  windows: readonly Window[];
  /** Milliseconds ago that each answer arrived (or was given up): these count until W after it. */
  answered: readonly number[];
  /** Permits handed back: no request left. */
  unused: number;
  /** Permits whose requests are under way: the block is kept alive. */
  outstanding: number;
}

export interface PermitStore {
  takePermits(request: PermitRequest): Promise<PermitGrant>;
  reportPermits(reports: readonly PermitReport[]): Promise<void>;
  /** Everyone on the connection waits (a 429, a Retry-After). The later of two pauses holds. */
  pauseConnection(connection: string, forMs: number): Promise<void>;
  /**
   * All requests that the server counts in a window, as its headers tell. What exceeds the store's own count was made by
   * others (not upriver) and takes room for W too.
   */
  noteForeign(window: Window, requests: number): Promise<void>;
}
