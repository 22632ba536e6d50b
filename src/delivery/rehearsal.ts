/**
 * A dry run: the same path as a real one, up to the wire and up to the store. Requests are counted and the first few shown;
 * none leaves, and no row gets an outcome.
 */
import type { DryRunCounts } from '../contracts/activities.ts';
import type { DryRunRefusal, DryRunSample } from '../contracts/run.ts';
import type { CountedWindow } from '../core/limits-time.ts';
import { countsFromHistogram, histogram, ROW_STATE, type RowCounts } from '../core/outcomes.ts';
import type { OutcomeRecord, StateStore } from '../core/store.ts';
import type { Destination, Exchange, Limiter, Permit } from '../http/http-client.ts';
import type { Unit } from './task.ts';

const SAMPLES = 3;
const BODY_SHOWN = 2_000;

const NO_CONTENT: Exchange = { kind: 'reply', status: 204, headers: {}, body: '', truncated: false, ms: 0 };

export class Rehearsal {
  readonly #step: string;
  readonly #samples: DryRunSample[] = [];
  readonly #refused: DryRunRefusal[] = [];
  readonly #windows = new Map<string, CountedWindow>();
  #requests = 0;
  readonly #states = new Map<number, Uint8Array>();

  constructor(step: string) {
    this.#step = step;
  }

  /** The same destinations, with nobody behind them. */
  standIns(destinations: ReadonlyMap<string, Destination>): Map<string, Destination> {
    return new Map([...destinations].map(([name, real]) => [name, standIn(real)]));
  }

  note({ request, prepared, rows }: Unit): void {
    const { redact } = request.destination;
    this.#count(request.destination, prepared.path);
    if (this.#samples.length >= SAMPLES) return;
    const { method, url, headers, body } = prepared;
    this.#samples.push({
      step: this.#step,
      row: (rows[0]?.row ?? 0) + 1,
      method,
      url: redact(url),
      headers: Object.fromEntries(Object.entries(headers).map(([header, value]) => [header, redact(value)])),
      body: body === null ? null : redact(body).slice(0, BODY_SHOWN),
    });
  }

  /** The store, read as it is and never written: what would be committed is kept here. */
  standInStore(real: StateStore, rows: number): StateStore {
    const nothing = { inDoubt: 0, requests: 0 };
    return overlay(real, {
      commitLoop: async ({ chunks, records }) => {
        for (const { chunk, states } of chunks) this.#states.set(chunk, states);
        for (const record of records) this.#noteRefusal(record);
        return true;
      },
      stopLoop: async () => true,
      countLoop: async () => ({ ...nothing, rows: this.#wouldBe(rows) }),
      nextOpenChunk: async (loop, from) => {
        const open = await real.nextOpenChunk(loop, from);
        // One segment walks a dry run to its end: a chunk that was looked at is done with.
        return open !== null && this.#states.has(open) ? null : open;
      },
    });
  }

  counts(): DryRunCounts {
    return {
      rows: this.#sum()[ROW_STATE.delivered] ?? 0,
      requests: this.#requests,
      windows: [...this.#windows.values()],
      samples: this.#samples,
      refused: this.#refused,
    };
  }

  #count({ name, limiter }: Destination, path: string): void {
    this.#requests++;
    for (const window of limiter.windowsOf(path)) {
      const known = this.#windows.get(window.id) ?? { ...window, connection: name, counted: 0 };
      this.#windows.set(window.id, known);
      known.counted++;
    }
  }

  #noteRefusal({ row, outcome, code, message }: OutcomeRecord): void {
    if (outcome === 'skipped' || this.#refused.length >= SAMPLES) return;
    this.#refused.push({ step: this.#step, row: row + 1, code, message });
  }

  /** Rows that would be sent are not attempted. */
  #wouldBe(rows: number): RowCounts {
    const counts = countsFromHistogram(this.#sum());
    const seen = counts.read;
    return {
      ...counts,
      read: rows,
      delivered: 0,
      not_attempted: counts.not_attempted + counts.delivered + rows - seen,
    };
  }

  #sum(): number[] {
    const sums = histogram(new Uint8Array());
    for (const states of this.#states.values()) {
      for (const [state, count] of histogram(states).entries()) sums[state] = (sums[state] ?? 0) + count;
    }
    return sums;
  }
}

/** The store may be an object of any make: its own methods are called on it. */
function overlay(real: StateStore, replaced: Partial<StateStore>): StateStore {
  return new Proxy(real, {
    get(target, name) {
      const own = Reflect.get(replaced, name) ?? Reflect.get(target, name);
      return typeof own === 'function' ? own.bind(target) : own;
    },
  });
}

function standIn(real: Destination): Destination {
  const { windowsOf } = real.limiter;
  return { ...real, limiter: { ...openLimiter, windowsOf }, send: async () => NO_CONTENT };
}

const freePermit: Permit = { fresh: () => true, answered() {}, unused() {} };

const openLimiter: Omit<Limiter, 'windowsOf'> = {
  unlimited: true,
  enter: () => undefined,
  leave() {},
  permit: async () => freePermit,
  pause: async () => {},
  pausedFor: () => 0,
  observe() {},
};
