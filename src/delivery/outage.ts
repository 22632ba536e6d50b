/**
 * Tells a destination that is away from rows that it does not like: failures in a row, over several rows, with no
 * answer between. A refused connection is never a row's fault, so it takes fewer of those.
 */
const ROWS_FOR_OUTAGE = 5;
const FAILURES_FOR_OUTAGE = 10;
const REFUSALS_FOR_OUTAGE = 3;
/** One row alone cannot tell: it may be the very one that the destination always fails on. */
const ROWS_FOR_PROBE = 3;

export interface OutageOptions {
  /** After an outage, until there is an answer: a refusal or a few rows are enough. */
  probing: boolean;
  onAnswer: () => void;
  onOutage: (message: string) => void;
}

export class OutageDetector {
  readonly #rows = new Set<number>();
  readonly #options: OutageOptions;
  #probing: boolean;
  #failures = 0;
  #refusals = 0;
  #held: ((culprit: 'row' | 'outage') => void)[] = [];

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#probing = options.probing;
  }

  /** Rows that wait to hear whether they or the destination are at fault. */
  get held(): number {
    return this.#held.length;
  }

  /** The destination is alive: what failed before was the rows' own. */
  answered(): void {
    if (this.#probing) this.#options.onAnswer();
    this.#probing = false;
    if (this.#failures === 0) return;
    this.#failures = 0;
    this.#refusals = 0;
    this.#rows.clear();
    this.blameRows();
  }

  /** `refused`: the connection was not made, so nothing about the row can be the reason. */
  failed(row: number, refused: boolean, message: string): void {
    this.#failures++;
    if (refused) this.#refusals++;
    this.#rows.add(row);
    if (!this.#isAway()) return;
    this.#options.onOutage(message);
    this.#release('outage');
  }

  #isAway(): boolean {
    if (this.#probing) return this.#refusals > 0 || this.#rows.size >= ROWS_FOR_PROBE;
    if (this.#refusals >= REFUSALS_FOR_OUTAGE) return true;
    return this.#failures >= FAILURES_FOR_OUTAGE && this.#rows.size >= ROWS_FOR_OUTAGE;
  }

  /** For a row whose tries are used up: resolves when it is known who is at fault. */
  culprit(): Promise<'row' | 'outage'> {
    if (this.#failures === 0) return Promise.resolve('row');
    return new Promise((resolve) => this.#held.push(resolve));
  }

  /** No other row is left that could tell: the held ones are taken to be at fault. */
  blameRows(): void {
    this.#release('row');
  }

  #release(culprit: 'row' | 'outage'): void {
    const held = this.#held;
    this.#held = [];
    for (const resolve of held) resolve(culprit);
  }
}
