/** What a test can make go wrong, or make wait. */
import { once } from 'node:events';
import type { Query } from './queries.ts';

export type Route =
  | 'login'
  | 'renew'
  | 'logout'
  | 'query'
  | 'result'
  | 'status'
  | 'abort'
  | 'chunk'
  | 'oauth'
  | 'telemetry'
  | 'other';

/** What goes wrong, how often. */
export interface Fault {
  route: Route;
  times: number;
  /** So many of these requests go well before. */
  after?: number;
  /** Only requests whose SQL has this. */
  sql?: RegExp;
  act: Act;
}

export type Act =
  | { kind: 'http'; status: number }
  | { kind: 'refuse'; code: string; message?: string }
  /** The connection breaks before, or after, the request was carried out. */
  | { kind: 'reset'; when: 'before' | 'after' }
  /** The request is carried out at once, the answer comes later. */
  | { kind: 'silence'; until: Promise<void> }
  /** A connection that breaks after half of a chunk's bytes. */
  | { kind: 'truncate' };

export class Faults {
  readonly #faults: Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault });
  }

  /** What to do to this request, counted. */
  take(route: Route, sql = ''): Act | null {
    const fault = this.#faults.find((each) => each.route === route && each.times > 0 && (each.sql?.test(sql) ?? true));
    if (!fault) return null;
    if (fault.after) {
      fault.after -= 1;
      return null;
    }
    fault.times -= 1;
    return fault.act;
  }
}

interface Held {
  pattern: RegExp;
  released: Promise<void>;
  times: number;
  queries: Set<Query>;
}

/** Statements that have begun and do not get on. */
export class Holds {
  readonly #held = new Set<Held>();

  /** `release` resolves when those that were held are done. */
  add(pattern: RegExp, times: number): { release(): Promise<void> } {
    const { promise, resolve } = Promise.withResolvers<void>();
    const held: Held = { pattern, released: promise, times, queries: new Set() };
    this.#held.add(held);
    return {
      release: async () => {
        this.#held.delete(held);
        resolve();
        await Promise.all([...held.queries].map((query) => query.done));
      },
    };
  }

  /** Waits as long as the query is held, and not cancelled. */
  async pass(query: Query): Promise<void> {
    const cancelled = once(query.cancelled, 'abort').catch(() => {});
    for (const held of this.#held) {
      if (!held.pattern.test(query.request.sql) || query.cancelled.aborted) continue;
      if (!held.queries.has(query) && held.queries.size >= held.times) continue;
      held.queries.add(query);
      await Promise.race([held.released, cancelled]);
    }
  }
}
