/** One request out, one exchange back. Nothing here knows rows, rivers or Temporal. */
import type { RulePlan } from '../contracts/plan.ts';
import type { Exchange } from '../core/exchange.ts';
import type { Window } from '../core/permits.ts';

export type { Exchange };

/** A request ready to leave, secrets of the connection not yet added. */
export interface PreparedRequest {
  method: string;
  /** Absolute URL with query. */
  url: string;
  /** Path as the limits' `paths` see it: below the connection's base URL, without query. */
  path: string;
  /** Lower-case names. */
  headers: Record<string, string>;
  body: string | null;
}

export interface SendOptions {
  /**
   * Asked right before the bytes are written (the monotonic clock may have jumped over a stop of the process).
   * False: nothing is written and the exchange is `not_sent`.
   */
  mayLeave: () => boolean;
  signal: AbortSignal;
  /** Longest wait for the whole answer once the bytes have left, where that is less than the connection's `timeout`. */
  withinMs?: number;
}

/** A destination: pool, auth, headers, in-flight ceiling and limits of one connection in this process. */
export interface Destination extends AsyncDisposable {
  readonly name: string;
  readonly baseUrl: string;
  /** Reply rules of the connection's preset, after an action's own. */
  readonly rules: RulePlan[];
  readonly limiter: Limiter;
  /**
   * Sends as it is: no retry, no redirect followed. Adds auth and the connection's headers, but only where the URL's origin
   * is the base URL's. Rejects with UpriverError: AUTH_* (no token to be had), ROW_REQUEST_INVALID (cannot be sent as HTTP).
   */
  send(request: PreparedRequest, options: SendOptions): Promise<Exchange>;
  /** After a 401: forgets the token. False: there is nothing that could be renewed. */
  renewAuth(): Promise<boolean>;
  /** Removes every secret of this connection (as it is and encoded) from a text. */
  redact(text: string): string;
}

/** In-flight slots and permits of one connection in this process, shared by all its loops. */
export interface Limiter {
  /** True: no window is set, permits are free. */
  readonly unlimited: boolean;
  /**
   * Takes a place in flight, to be given back by `leave()`; undefined when it was free at once, so that the fast path costs
   * no promise. Who waits gets the place in turn, so that no loop overtakes another.
   */
  enter(): Promise<void> | undefined;
  leave(): void;
  /**
   * A permit for a request to this path; resolves when it is in hand. Fair among takers. Rejects with the signal's reason.
   * A permit must be used within 1 s (`fresh()`), and always ends in `answered()` or `unused()`: the first
   * of them holds.
   * Rejects with UpriverError REMOTE_LIMIT_PARK (`retryAfterMs`) when the next permit is more than a minute away: park durably.
   */
  permit(path: string, taker: string, signal: AbortSignal): Promise<Permit>;
  /** The windows that count a request to this path. */
  windowsOf(path: string): readonly Window[];
  /** A pause for everyone on the connection, here and in other processes. */
  pause(forMs: number): Promise<void>;
  /** Milliseconds until the connection's pause ends; 0: not paused. */
  pausedFor(): number;
  /** Learns from the server's rate-limit headers. */
  observe(headers: Record<string, string>): void;
}

export interface Permit {
  fresh(): boolean;
  answered(): void;
  unused(): void;
}
