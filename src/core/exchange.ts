/** What came of one request on the wire. Types only. */

export type Exchange =
  /** An answer came. `body` is text up to the cap; `truncated` says whether more was dropped. */
  | { kind: 'reply'; status: number; headers: Record<string, string>; body: string; truncated: boolean; ms: number }
  /** Surely nothing reached the server: refused, no such host, `mayLeave` said no, aborted before it left. */
  | { kind: 'not_sent'; reason: 'expired' | 'aborted' | 'connect'; message: string }
  /** It left and no complete answer came: it may have been applied. */
  | { kind: 'lost'; reason: 'timeout' | 'reset' | 'aborted'; message: string; ms: number };
