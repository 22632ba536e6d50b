/** One request out, one exchange back. Nothing here knows rows, rivers or Temporal. */

/** A request ready to leave, secrets of the connection not yet added. */
export interface PreparedRequest {
  method: string;
  /** Absolute URL with query. */
  url: string;
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
}

export type Exchange =
  /** An answer came. `body` is text up to the cap; `truncated` says whether more was dropped. */
  | { kind: 'reply'; status: number; headers: Record<string, string>; body: string; truncated: boolean; ms: number }
  /** Surely nothing reached the server: refused, no such host, `mayLeave` said no, aborted before it left. */
  | { kind: 'not_sent'; reason: 'expired' | 'aborted' | 'connect'; message: string }
  /** It left and no complete answer came: it may have been applied. */
  | { kind: 'lost'; reason: 'timeout' | 'reset' | 'aborted'; message: string };

/** A destination: pool, auth, headers, in-flight ceiling and limits of one connection in this process. */
export interface Destination extends AsyncDisposable {
  readonly name: string;
  readonly baseUrl: string;
  readonly maxInFlight: number;
  readonly limiter: Limiter;
  /** Sends as it is: no retry, no redirect followed. Adds auth and the connection's headers. */
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
  /** Takes one in-flight slot if there is room, without waiting. */
  tryEnter(): boolean;
  leave(): void;
  /** Calls back once when a slot may be free. */
  onRoom(callback: () => void): void;
  /**
   * A permit for a request to this path; resolves when it is in hand. Fair among takers. Rejects with the signal's reason.
   * A permit must be used within 1 s (`fresh()`), and always ends in `answered()` or `unused()`.
   */
  permit(path: string, taker: string, signal: AbortSignal): Promise<Permit>;
  /** A pause for everyone on the connection, here and in other processes. */
  pause(forMs: number): Promise<void>;
  /** Milliseconds until the connection's pause ends; 0: not paused. */
  pausedFor(): number;
  /** Learns from the server's rate-limit headers. */
  observe(status: number, headers: Record<string, string>): void;
}

export interface Permit {
  fresh(): boolean;
  answered(): void;
  unused(): void;
}
