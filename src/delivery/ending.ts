/** Why a segment takes no more rows. The first reason holds, unless it was but the time. */
import { setMaxListeners } from 'node:events';
import type { SendResult } from '../contracts/activities.ts';

export type Reason =
  /** Its time is over, or the worker drains: another segment goes on. */
  | { kind: 'time' }
  | { kind: 'stop'; stop: NonNullable<SendResult['stop']> }
  | { kind: 'park'; park: NonNullable<SendResult['park']> }
  | { kind: 'error'; error: unknown };

export class Ending {
  readonly #controller = new AbortController();
  #reason: Reason | null = null;

  constructor(outer: AbortSignal) {
    setMaxListeners(0, this.#controller.signal);
    if (outer.aborted) this.end({ kind: 'time' });
    else outer.addEventListener('abort', () => this.end({ kind: 'time' }), { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  get reason(): Reason | null {
    return this.#reason;
  }

  end(reason: Reason): void {
    if (this.#reason === null || this.#reason.kind === 'time') this.#reason = reason;
    this.#controller.abort();
  }
}
