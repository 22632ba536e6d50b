/**
 * A loop whose body is walked row by row as workflow steps. What a row's values are, only activities know: here rows are
 * numbers, and how they end goes to the state store.
 */
import { CancellationScope, isCancellation, setCurrentDetails } from '@temporalio/workflow';
import type { FinishRowsResult, OpenRows, SendResult, SettledRow } from '../src/contracts/activities.ts';
import type { LoopCarry, LoopInput } from '../src/contracts/loop.ts';
import { stopHint } from '../src/core/hints.ts';
import { BAD_OUTCOMES, badRows, type Outcome } from '../src/core/outcomes.ts';
import { reaches } from '../src/core/tolerance.ts';
import { walk } from '../src/core/walker.ts';
import { call } from './activities.ts';
import { countsTable } from './details.ts';
import { isHistoryLong } from './history.ts';
import { addDryRun, NOTHING_COUNTED } from './dry-run.ts';
import { reportOf } from './failures.ts';
import { rowPlace } from './place.ts';
import { endOf, type RowEnd, UNTOUCHED, verdictOf, WENT_WELL } from './row-end.ts';
import type { SharedOutages } from './shared-outage.ts';
import { WorkflowHost } from './step-host.ts';

/** Rows under way at once, whatever the plan says: Temporal caps what one workflow may have open. */
const MOST_AT_ONCE = 50;
/** Rows in one settlement. */
const SETTLED_AT_ONCE = 200;

export type Ended = Pick<SendResult, 'rows' | 'requests' | 'stop' | 'dryRun'>;

/** `carryOn` continues as new with the carry as it is then. */
export async function walkRows(input: LoopInput, carry: LoopCarry, carryOn: () => Promise<never>): Promise<Ended> {
  for (;;) {
    const open = await openRows(input, carry);
    const walks = new RowWalks(input, carry, open);
    if (open.chunk === null) return walks.ended();
    carry.fromChunk = open.chunk;
    await walks.walkAll();
    if (walks.stop) return walks.ended();
    if (isHistoryLong()) await carryOn();
  }
}

function openRows({ run, step, path, rowset, rows: around }: LoopInput, carry: LoopCarry): Promise<OpenRows> {
  const { fromChunk, fromRow } = carry;
  const loop = { runId: run.runId, path };
  const summary = `rows from chunk ${fromChunk}`;
  return call({ id: `${path}/chunk-${fromChunk}`, summary }).openRows({
    run,
    loop,
    step,
    rowset,
    around,
    fromChunk,
    fromRow,
  });
}

/** Walks through the open rows of a chunk. */
class RowWalks {
  /** The loop must not go on. */
  stop: SendResult['stop'] = null;
  readonly #input: LoopInput;
  readonly #carry: LoopCarry;
  readonly #open: OpenRows;
  readonly #outages: SharedOutages = new Map();
  #counts: FinishRowsResult;
  #bad: number;
  /** A cancel, or a store that takes nothing more. */
  #error: unknown = null;
  /** Rows that ended and are not settled yet. */
  #ended: SettledRow[] = [];
  #settling: Promise<void> | null = null;

  constructor(input: LoopInput, carry: LoopCarry, open: OpenRows) {
    this.#input = input;
    this.#carry = carry;
    this.#open = open;
    this.#counts = open;
    this.#bad = badRows(open.rows);
  }

  ended(): Ended {
    const { rows, requests } = this.#counts;
    return { rows, requests, stop: this.stop, dryRun: this.#carry.dryRun };
  }

  /** In order, some at once. Ends early when the history is long or something says stop; throws when it is cancelled. */
  async walkAll(): Promise<void> {
    const rows = numbersIn(this.#open.ranges);
    const lanes = Array.from({ length: Math.min(this.#input.step.maxInFlight, MOST_AT_ONCE) }, () =>
      this.#walkLane(rows),
    );
    await Promise.all(lanes);
    await this.#settling;
    if (this.#error) throw this.#error;
  }

  async #walkLane(rows: Iterator<number>): Promise<void> {
    while (!this.stop && !this.#error && !isHistoryLong()) {
      const { value: row, done } = rows.next();
      if (done) return;
      this.#carry.fromRow = row + 1;
      await this.#walkRow(row);
    }
  }

  async #walkRow(row: number): Promise<void> {
    const host = new WorkflowHost(rowPlace(this.#input, row, this.#outages), () => {});
    try {
      const flow = await walk(this.#input.step.steps, host);
      if (flow === 'stop') this.stop ??= { reason: 'river', error: null };
      this.#end(row, host, wellOf(host));
    } catch (error) {
      if (isCancellation(error)) this.#error ??= error;
      if (verdictOf(error)?.stopsLoop) this.stop ??= { reason: 'rule', error: reportOf(error) };
      // A row that nothing was done for is not attempted.
      if (host.begun > 0 || !isCancellation(error)) this.#end(row, host, endOf(error));
    }
  }

  #end(row: number, host: WorkflowHost, end: RowEnd): void {
    if (isBad(end.outcome)) this.#countBad();
    this.#carry.partial ||= host.partial;
    if (this.#input.run.dryRun) this.#noteDryRun(host, end);
    else this.#keep(row, host, end);
  }

  #keep(row: number, host: WorkflowHost, end: RowEnd): void {
    const actions = this.#input.step.results ? actionPaths(host) : [];
    const requests = host.steps.reduce((sum, step) => sum + (step.requests ?? 0), 0);
    this.#ended.push({ ...end, row, actions, requests });
    this.#settling ??= CancellationScope.nonCancellable(() => this.#settleAll());
  }

  /** A dry run gives no row an outcome. */
  #noteDryRun({ dryRuns }: WorkflowHost, { outcome }: RowEnd): void {
    const sum = dryRuns.reduce(addDryRun, this.#carry.dryRun ?? NOTHING_COUNTED);
    this.#carry.dryRun = { ...sum, rows: sum.rows + (outcome === 'delivered' ? 1 : 0) };
  }

  #countBad(): void {
    const { stopAfter } = this.#input.step;
    this.#bad++;
    if (!stopAfter || !reaches(this.#bad, this.#input.rowset.rows, stopAfter)) return;
    const code = 'ROW_STOP_AFTER';
    const error = { code, message: `Stopped after ${this.#bad} bad rows, as stop_after says.`, hint: stopHint(code) };
    this.stop ??= { reason: 'stop_after', error };
  }

  /** One settlement at a time: what ends while one is under way rides in the next. */
  async #settleAll(): Promise<void> {
    try {
      while (this.#ended.length > 0) await this.#settle(this.#ended.splice(0, SETTLED_AT_ONCE));
    } catch (error) {
      this.#error ??= error;
    } finally {
      this.#settling = null;
    }
  }

  async #settle(settled: SettledRow[]): Promise<void> {
    const { run, step, path, rowset, rows: around } = this.#input;
    const loop = { runId: run.runId, path };
    const number = ++this.#carry.settlements;
    const options = { id: `${path}/settle-${number}`, summary: `${settled.length} rows ended` };
    this.#counts = await call(options).settleRows({ run, loop, step, rowset, around, settled, number });
    setCurrentDetails(countsTable(this.#counts.rows, null));
  }
}

function wellOf({ tolerated, begun }: WorkflowHost): RowEnd {
  if (tolerated) return endOf(tolerated);
  return begun > 0 ? WENT_WELL : UNTOUCHED;
}

/** Actions of the body that ran. */
function actionPaths({ steps, place }: WorkflowHost): string[] {
  return steps
    .filter(({ type, status }) => type === 'action' && status !== 'skipped')
    .map(({ id }) => `${place.prefix}${id}`);
}

function isBad(outcome: Outcome): boolean {
  return (BAD_OUTCOMES as readonly Outcome[]).includes(outcome);
}

function* numbersIn(ranges: OpenRows['ranges']): Generator<number, void> {
  for (const [first, last] of ranges) for (let row = first; row <= last; row++) yield row;
}
