/** The permit store in memory, by the same rules as the real ones, on a clock that the test holds. For unit tests of the limiter. */
import type { PermitGrant, PermitReport, PermitRequest, PermitStore, Window } from '../../src/core/permits.ts';

interface Held {
  block: string;
  freesAt: number;
}

const LEASE_MS = 2_000;

export class MemoryPermits implements PermitStore {
  readonly #now: () => number;
  readonly #held = new Map<string, Held[]>();
  readonly #pauses = new Map<string, number>();
  #blocks = 0;
  /** What was asked and reported, for tests. */
  readonly asked: PermitRequest[] = [];
  readonly reported: PermitReport[] = [];
  readonly foreign: { window: string; requests: number }[] = [];

  constructor(now: () => number) {
    this.#now = now;
  }

  async takePermits(request: PermitRequest): Promise<PermitGrant> {
    this.asked.push(request);
    const now = this.#now();
    const pausedUntil = this.#pauses.get(request.connection) ?? 0;
    if (pausedUntil > now) return { granted: 0, block: '', retryInMs: pausedUntil - now, reason: 'paused' };
    const rooms = request.windows.map((window) => window.requests - this.#counted(window).length);
    const granted = Math.max(0, Math.min(request.want, ...rooms));
    const block = `block-${++this.#blocks}`;
    for (const window of request.windows) this.#add(window, granted, { block, freesAt: now + LEASE_MS + window.perMs });
    if (granted > 0) return { granted, block, retryInMs: 0, reason: null };
    const frees = request.windows.map(
      (window) => Math.min(...this.#counted(window).map(({ freesAt }) => freesAt)) - now,
    );
    return { granted, block, retryInMs: Math.max(...frees), reason: 'window' };
  }

  async reportPermits(reports: readonly PermitReport[]): Promise<void> {
    this.reported.push(...reports);
    const now = this.#now();
    for (const { block, windows, answered, unused, outstanding } of reports) {
      for (const window of windows) {
        const held = this.#counted(window);
        const others = held.filter((one) => one.block !== block);
        const left = held.filter((one) => one.block === block).slice(answered.length + unused);
        for (const one of left) if (outstanding > 0) one.freesAt = now + LEASE_MS + window.perMs;
        const counting = answered.map((age) => ({ block: '', freesAt: now - age + window.perMs }));
        this.#held.set(window.id, [...others, ...left, ...counting]);
      }
    }
  }

  async pauseConnection(connection: string, forMs: number): Promise<void> {
    this.#pauses.set(connection, Math.max(this.#pauses.get(connection) ?? 0, this.#now() + forMs));
  }

  async noteForeign(window: Window, requests: number): Promise<void> {
    this.foreign.push({ window: window.id, requests });
    const unknown = Math.max(0, requests - this.#counted(window).length);
    this.#add(window, unknown, { block: '', freesAt: this.#now() + window.perMs });
  }

  /** Permits that count in a window now. */
  held(window: Window): number {
    return this.#counted(window).length;
  }

  #counted({ id }: Window): Held[] {
    const now = this.#now();
    const held = (this.#held.get(id) ?? []).filter(({ freesAt }) => freesAt > now);
    this.#held.set(id, held);
    return held;
  }

  #add(window: Window, count: number, held: Held): void {
    const known = this.#counted(window);
    for (let i = 0; i < count; i++) known.push({ ...held });
  }
}
