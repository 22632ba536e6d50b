/** An outage that many rows of a loop meet at once: one of them probes, the others hear of its end. */
import { condition } from '@temporalio/workflow';
import type { SendCarry } from '../src/contracts/loop.ts';

/** By connection. */
export type SharedOutages = Map<string, SharedOutage>;

export class SharedOutage {
  /** Whoever probes the destination. */
  #prober: SendCarry | null = null;
  /** Times that a prober had its answer. */
  #answers = 0;

  /** True: whoever asks is the one to probe, from now on. */
  probes(who: SendCarry): boolean {
    this.#prober ??= who;
    return this.#prober === who;
  }

  /** Waits for what the prober finds; true: the destination answers. */
  async hear(): Promise<boolean> {
    const answers = this.#answers;
    const prober = this.#prober;
    await condition(() => this.#prober !== prober);
    return this.#answers > answers;
  }

  /** The destination has answered, or gave no answer for as long as `who` may wait. */
  end(who: SendCarry, answered: boolean): void {
    if (this.#prober !== who) return;
    this.#prober = null;
    if (answered) this.#answers++;
  }
}

export function outageOf(outages: SharedOutages, connection: string): SharedOutage {
  const known = outages.get(connection) ?? new SharedOutage();
  outages.set(connection, known);
  return known;
}
