/**
 * Tells a destination that is away from rows that it does not like: failures in a row, over several rows, with no
 * answer between. A refused connection is never a row's fault, so it takes fewer of those.
 *
 * A row's failure costs it a try only once others were answered after it. From then on its failures tell nothing of the
 * destination any more, and neither do those of rows that failed in an outage that was over soon: it may be they that
 * it always fails on, and many of them must not look like an outage.
 */
import type { RowTask } from './task.ts';

const ROWS_FOR_OUTAGE = 5;
const FAILURES_FOR_OUTAGE = 10;
const REFUSALS_FOR_OUTAGE = 3;
/** One request alone cannot tell: it may be of the very row that the destination always fails on. */
const REQUESTS_FOR_PROBE = 3;

export interface OutageOptions {
  /** After an outage, until there is an answer: a refusal or a few rows are enough. */
  probing: boolean;
  /** A row that failed may not be tried again after others: it keeps its place until its tries are used up. */
  inOrder: boolean;
  onAnswer: () => void;
  onOutage: (message: string) => void;
}

export interface Failure {
  /** The connection was not made, so nothing about the rows can be the reason. */
  refused: boolean;
  /** The rows will not be tried again: the next probe asks others. */
  final: boolean;
  message: string;
}

export class OutageDetector {
  readonly #options: OutageOptions;
  /** Rows that failed since the last answer. */
  readonly #failing = new Set<RowTask>();
  /** Those that may tell of an outage, and their requests, each by its first row. */
  readonly #rows = new Set<RowTask>();
  readonly #requests = new Set<RowTask>();
  #probing: boolean;
  #away = false;
  #failures = 0;
  #refusals = 0;
  #message = '';
  #held: ((culprit: 'row' | 'outage') => void)[] = [];
  #onClear: (() => void) | null = null;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#probing = options.probing;
  }

  /** A row that failed is not tried again before it is known who is at fault: the next one is asked. */
  get asksOnce(): boolean {
    return this.#probing && !this.#options.inOrder;
  }

  /** The destination is alive: what failed before was the rows' own. */
  answered(): void {
    if (this.#probing) this.#options.onAnswer();
    this.#probing = false;
    if (this.#failing.size > 0) this.#judge('row');
    this.#clear();
  }

  /** `tasks`: the rows of one request. */
  failed(tasks: readonly RowTask[], { refused, final, message }: Failure): void {
    this.#message = message;
    for (const task of tasks) this.#failing.add(task);
    if (tasks.some((task) => this.#tells(task))) this.#note(tasks);
    if (refused) this.#refusals++;
    if (this.#away || this.#isAway(final)) this.#declare();
  }

  /** For a row whose tries are used up: resolves when it is known who is at fault. */
  culprit(): Promise<'row' | 'outage'> {
    if (!this.#probing && this.#failures === 0 && this.#refusals === 0) return Promise.resolve('row');
    return new Promise((resolve) => this.#held.push(resolve));
  }

  /**
   * No other row is left that could tell. In an outage that is known the rows wait for its end, if they failed in it
   * alone; else they are taken to be at fault.
   */
  stuck(): void {
    if (this.#probing && [...this.#failing].some(({ charged }) => charged === 0)) this.#declare();
    else this.#judge('row');
  }

  /** Calls back once it is not just being found out who is at fault. */
  whenClear(onClear: () => void): void {
    this.#onClear = onClear;
    this.#clear();
  }

  #tells({ charged, progress }: RowTask): boolean {
    return charged === 0 && (this.#probing || !progress.asked);
  }

  #note(tasks: readonly RowTask[]): void {
    this.#failures++;
    this.#requests.add(tasks[0] as RowTask);
    for (const task of tasks) this.#rows.add(task);
  }

  #isAway(final: boolean): boolean {
    if (this.#probing) return this.#refusals > 0 || final || this.#requests.size >= REQUESTS_FOR_PROBE;
    if (this.#refusals >= REFUSALS_FOR_OUTAGE) return true;
    return this.#failures >= FAILURES_FOR_OUTAGE && this.#rows.size >= ROWS_FOR_OUTAGE;
  }

  #declare(): void {
    this.#away = true;
    this.#options.onOutage(this.#message);
    this.#judge('outage');
  }

  /** What rows did since the last answer costs them tries, or none. */
  #judge(culprit: 'row' | 'outage'): void {
    for (const task of this.#failing) {
      if (culprit === 'row') task.charged = task.progress.attempts;
      else Object.assign(task.progress, { attempts: task.charged, asked: true });
    }
    for (const set of [this.#failing, this.#rows, this.#requests]) set.clear();
    this.#failures = 0;
    this.#refusals = 0;
    const held = this.#held;
    this.#held = [];
    for (const resolve of held) resolve(culprit);
  }

  #clear(): void {
    if (!this.#probing && this.#held.length === 0) this.#onClear?.();
  }
}
