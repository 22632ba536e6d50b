/** A dry run: the same path as a real one, up to the wire. Requests are counted and the first few shown; none leaves. */
import type { DryRunCounts } from '../contracts/activities.ts';
import type { DryRunSample } from '../contracts/run.ts';
import type { Destination, Exchange, Limiter, Permit } from '../http/http-client.ts';
import type { Unit } from './attempts.ts';

const SAMPLES = 3;
const BODY_SHOWN = 2_000;

const NO_CONTENT: Exchange = { kind: 'reply', status: 204, headers: {}, body: '', truncated: false, ms: 0 };

export class Rehearsal {
  readonly #step: string;
  readonly #samples: DryRunSample[] = [];
  readonly #requests: Record<string, number> = {};

  constructor(step: string) {
    this.#step = step;
  }

  /** The same destinations, with nobody behind them. */
  standIns(destinations: ReadonlyMap<string, Destination>): Map<string, Destination> {
    return new Map([...destinations].map(([name, real]) => [name, standIn(real)]));
  }

  note({ request, prepared, rows }: Unit): void {
    const { name, redact } = request.destination;
    this.#requests[name] = (this.#requests[name] ?? 0) + 1;
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

  counts(): DryRunCounts {
    return { requests: this.#requests, samples: this.#samples };
  }
}

function standIn(real: Destination): Destination {
  return { ...real, limiter: openLimiter, send: async () => NO_CONTENT };
}

const freePermit: Permit = { fresh: () => true, answered() {}, unused() {} };

const openLimiter: Limiter = {
  unlimited: true,
  enter: () => undefined,
  leave() {},
  permit: async () => freePermit,
  pause: async () => {},
  pausedFor: () => 0,
  observe() {},
};
