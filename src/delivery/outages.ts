/** Outages of the hosts that a segment's requests go to, each by itself: what one answers says nothing of another. */
import { OutageDetector, type OutageOptions } from './outage.ts';

export class Outages {
  readonly #options: OutageOptions;
  readonly #detectors = new Map<string, OutageDetector>();
  #onClear: (() => void) | null = null;

  constructor({ onAnswer, ...options }: OutageOptions) {
    this.#options = {
      ...options,
      onAnswer: () => {
        onAnswer();
        if (this.#onClear) this.#tellIfClear();
      },
    };
  }

  /** To be asked for before the request leaves: of hosts that nothing is sent to nobody wants to know. */
  of(host: string): OutageDetector {
    const known = this.#detectors.get(host);
    if (known) return known;
    const detector = new OutageDetector(this.#options);
    this.#detectors.set(host, detector);
    return detector;
  }

  /** All rows that are left wait for others to show who is at fault. */
  stuck(): void {
    for (const detector of this.#detectors.values()) detector.stuck();
  }

  /** Calls back once it is not just being found out who is at fault. */
  whenClear(onClear: () => void): void {
    this.#onClear = onClear;
    this.#tellIfClear();
  }

  #tellIfClear(): void {
    if ([...this.#detectors.values()].every(({ clear }) => clear)) this.#onClear?.();
  }
}
