/**
 * Tells a host that is away from rows that it does not like, by what failed since its last answer:
 *
 * | it is held to be away after               | normally              | probing: after an outage, until it answers |
 * |-------------------------------------------|-----------------------|--------------------------------------------|
 * | connections refused, never a row's fault  | 3                     | 1                                          |
 * | failures that tell                        | 10, of 5 rows         | of 3 requests                              |
 * | a failure, its rows not tried again       | never                 | 1: the next probe asks others              |
 * | failures, with no row left that could tell | never: it is the rows | if one failed in the outage alone          |
 *
 * A row's failure costs it a try only once others were answered after it. From then on its failures tell nothing of the
 * host any more, and neither do those of rows that failed in an outage that was over soon: it may be they that it always
 * fails on, and many of them must not look like an outage.
 */
import { giveBack, type RowTask } from './task.ts';

const REFUSALS_FOR_OUTAGE = 3;
const FAILURES_FOR_OUTAGE = 10;
const ROWS_FOR_OUTAGE = 5;
/** One request alone cannot tell: it may be of the very row that the host always fails on. */
const REQUESTS_FOR_PROBE = 3;

export interface OutageOptions {
  /** After an outage. */
  probing: boolean;
  /** A row that failed may not be tried again after others: it keeps its place until its tries are used up. */
  inOrder: boolean;
  onAnswer: () => void;
  onOutage: (message: string) => void;
}

export interface Failure {
  /** The connection was not made, so nothing about the rows can be the reason. */
  refused: boolean;
  /** The rows will not be tried again. */
  final: boolean;
  message: string;
}

type Culprit = 'row' | 'outage';

/** What failed since the last answer. */
interface Suspicion {
  failing: Set<RowTask>;
  /** Those of requests that tell. */
  telling: Set<RowTask>;
  /** How many such requests there are, and how often they failed. */
  requests: number;
  failures: number;
  refusals: number;
  message: string;
}

export class OutageDetector {
  readonly #options: OutageOptions;
  #phase: 'well' | 'probing' | 'away';
  #suspicion = none();
  #held: ((culprit: Culprit) => void)[] = [];
  /** Requests under way of rows that failed and were not judged. */
  #open = 0;

  constructor(options: OutageOptions) {
    this.#options = options;
    this.#phase = options.probing ? 'probing' : 'well';
  }

  /** A row that failed is not tried again before it is known who is at fault: the next one is asked. */
  get asksOnce(): boolean {
    return this.#phase === 'probing' && !this.#options.inOrder;
  }

  /** The segment ends. What failed since the last answer cost nobody a try, and nobody waits for one. */
  get away(): boolean {
    return this.#phase === 'away';
  }

  /** It is not just being found out who is at fault. */
  get clear(): boolean {
    return this.#phase !== 'probing' && this.#held.length === 0 && this.#open === 0;
  }

  /** A row that failed, nobody knows whose fault it was, is asked again: that is to be found out before anything else. */
  async again<T>(asked: Promise<T>): Promise<T> {
    this.#open++;
    try {
      return await asked;
    } finally {
      this.#open--;
    }
  }

  /** The host is alive: what failed before was the rows' own. */
  answered(): void {
    if (this.#phase === 'probing') this.#phase = 'well';
    if (this.#suspicion.failing.size > 0) this.#judge('row');
    this.#options.onAnswer();
  }

  /** `tasks`: the rows of one request. */
  failed(tasks: readonly RowTask[], { refused, final, message }: Failure): void {
    const suspicion = this.#suspicion;
    suspicion.message = message;
    for (const task of tasks) suspicion.failing.add(task);
    if (tasks.some((task) => this.#tells(task))) note(tasks, suspicion);
    if (refused) suspicion.refusals++;
    if (this.#phase === 'away' || this.#isAway(final)) this.#declare();
  }

  /** For a row whose tries are used up: resolves when it is known who is at fault. */
  culprit(): Promise<Culprit> {
    const { failures, refusals } = this.#suspicion;
    if (this.#phase !== 'probing' && failures + refusals === 0) return Promise.resolve('row');
    return new Promise((resolve) => this.#held.push(resolve));
  }

  /** No other row is left that could tell. */
  stuck(): void {
    const inOutageAlone = [...this.#suspicion.failing].some(({ progress }) => progress.charged === 0);
    if (this.#phase === 'probing' && inOutageAlone) this.#declare();
    else this.#judge('row');
  }

  #tells({ progress }: RowTask): boolean {
    return progress.charged === 0 && (this.#phase === 'probing' || !progress.asked);
  }

  #isAway(final: boolean): boolean {
    const { telling, requests, failures, refusals } = this.#suspicion;
    if (this.#phase === 'probing') return refusals > 0 || final || requests >= REQUESTS_FOR_PROBE;
    if (refusals >= REFUSALS_FOR_OUTAGE) return true;
    return failures >= FAILURES_FOR_OUTAGE && telling.size >= ROWS_FOR_OUTAGE;
  }

  #declare(): void {
    this.#phase = 'away';
    this.#options.onOutage(this.#suspicion.message);
    this.#judge('outage');
  }

  /** What rows did since the last answer costs them tries, or none. */
  #judge(culprit: Culprit): void {
    for (const { progress } of this.#suspicion.failing) {
      if (culprit === 'row') progress.charged = progress.attempts;
      else {
        giveBack(progress);
        progress.asked = true;
      }
    }
    const held = this.#held;
    this.#suspicion = none();
    this.#held = [];
    for (const resolve of held) resolve(culprit);
  }
}

function none(): Suspicion {
  return { failing: new Set(), telling: new Set(), requests: 0, failures: 0, refusals: 0, message: '' };
}

function note(tasks: readonly RowTask[], suspicion: Suspicion): void {
  suspicion.failures++;
  if (!suspicion.telling.has(tasks[0] as RowTask)) suspicion.requests++;
  for (const task of tasks) suspicion.telling.add(task);
}
