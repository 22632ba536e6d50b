/** HubSpot's rate limits: a rolling window per token, a day per account, searches per second; and what the referee must know of them. */
import type { Policy } from './replies.ts';
import { RollingWindow } from './rolling-window.ts';
import type { Limits } from './settings.ts';

const DAY_MS = 86_400_000;

interface TokenState {
  readonly accepted: RollingWindow;
  readonly arrived: RollingWindow;
  mostArrived: number;
  limited: number;
}

export interface Refusal {
  policy: Policy;
  retryAfterSeconds: number | null;
}

export interface LimitsReport {
  /** Requests allowed per window and its length; null: no limit. */
  limit: number | null;
  perMs: number;
  /** The most requests of one token that any rolling window held, refused ones included. */
  mostInWindow: number;
  /** How many of them were too many: 0 for a client that never goes over. */
  over: number;
  /** 429s given for a limit (not those of faults). */
  limited: number;
  acceptedToday: number;
}

export class RateLimits {
  readonly #limits: Limits | null;
  readonly #tokens = new Map<string, TokenState>();
  readonly #searches = new RollingWindow(1000);
  #day = Number.NaN;
  #acceptedToday = 0;

  constructor(limits: Limits | null) {
    this.#limits = limits;
  }

  /** Counts a request; says by which limit it is refused, null if it is let through. */
  take(token: string, at: number, search: boolean): Refusal | null {
    const state = this.#state(token);
    state.mostArrived = Math.max(state.mostArrived, state.arrived.add(at));
    this.#turnDay(at);
    const refusal = this.#limits && this.#refusal(this.#limits, { state, at, search });
    if (refusal) {
      state.limited++;
      return refusal;
    }
    if (this.#limits) state.accepted.add(at);
    if (search) this.#searches.add(at);
    this.#acceptedToday++;
    return null;
  }

  /** The X-HubSpot-RateLimit-* headers, names and values in turn. */
  headers(token: string, at: number): string[] {
    const limits = this.#limits;
    if (!limits) return [];
    const left = limits.requests - this.#state(token).accepted.count(at);
    const out = [
      'X-HubSpot-RateLimit-Max',
      String(limits.requests),
      'X-HubSpot-RateLimit-Remaining',
      String(left),
      'X-HubSpot-RateLimit-Interval-Milliseconds',
      String(limits.perMs),
    ];
    if (limits.daily === null) return out;
    const leftToday = Math.max(0, limits.daily - this.#acceptedToday);
    out.push('X-HubSpot-RateLimit-Daily', String(limits.daily));
    out.push('X-HubSpot-RateLimit-Daily-Remaining', String(leftToday));
    return out;
  }

  report(): LimitsReport {
    const states = [...this.#tokens.values()];
    const limit = this.#limits?.requests ?? null;
    const mostInWindow = Math.max(0, ...states.map((state) => state.mostArrived));
    return {
      limit,
      perMs: this.#spanMs,
      mostInWindow,
      over: limit === null ? 0 : Math.max(0, mostInWindow - limit),
      limited: states.reduce((sum, state) => sum + state.limited, 0),
      acceptedToday: this.#acceptedToday,
    };
  }

  #refusal(limits: Limits, { state, at, search }: { state: TokenState; at: number; search: boolean }): Refusal | null {
    const refuse = (policy: Policy, freeAt: number): Refusal => ({
      policy,
      retryAfterSeconds: limits.retryAfter ? Math.ceil((freeAt - at) / 1000) : null,
    });
    if (limits.daily !== null && this.#acceptedToday >= limits.daily) return refuse('DAILY', (this.#day + 1) * DAY_MS);
    if (state.accepted.count(at) >= limits.requests) return refuse('TEN_SECONDLY_ROLLING', state.accepted.nextFree(at));
    if (!search || limits.searchesPerSecond === null) return null;
    if (this.#searches.count(at) >= limits.searchesPerSecond) return refuse('SECONDLY', this.#searches.nextFree(at));
    return null;
  }

  get #spanMs(): number {
    return this.#limits?.perMs ?? 10_000;
  }

  #turnDay(at: number): void {
    const day = Math.floor(at / DAY_MS);
    if (day === this.#day) return;
    this.#day = day;
    this.#acceptedToday = 0;
  }

  #state(token: string): TokenState {
    let state = this.#tokens.get(token);
    if (!state) {
      const window = () => new RollingWindow(this.#spanMs);
      state = { accepted: window(), arrived: window(), mostArrived: 0, limited: 0 };
      this.#tokens.set(token, state);
    }
    return state;
  }
}
