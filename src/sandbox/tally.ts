/** What the referee reads: counts over all requests, and the last of them in full. */
import type { Call } from './call.ts';
import type { FaultName } from './settings.ts';

export interface TallyReport {
  /** API requests that arrived, those refused while down included. */
  requests: number;
  /** Answers by HTTP status; `none` where no answer was sent. */
  byStatus: Record<string, number>;
  byFault: Partial<Record<FaultName, number>>;
  /** Requests refused by a broken connection because `down` was set. */
  whileDown: number;
  inFlight: number;
  mostInFlight: number;
}

/** A request as the log shows it. Authorization is left out. */
export interface LogEntry {
  number: number;
  at: number;
  method: string;
  url: string;
  headers: Record<string, string | string[] | undefined>;
  body: string;
  status: number;
  fault: FaultName | null;
  latencyMs: number;
}

export class Tally {
  readonly #byStatus = new Map<number, number>();
  readonly #byFault = new Map<FaultName, number>();
  readonly #log: (Call | undefined)[];
  #whileDown = 0;
  #requests = 0;
  #inFlight = 0;
  #mostInFlight = 0;

  constructor(logSize: number) {
    this.#log = new Array<Call | undefined>(logSize);
  }

  refusedWhileDown(): void {
    this.#requests++;
    this.#whileDown++;
  }

  arrived(call: Call): void {
    this.#log[call.number % this.#log.length] = call;
    this.#requests++;
    this.#inFlight++;
    if (this.#inFlight > this.#mostInFlight) this.#mostInFlight = this.#inFlight;
  }

  /** Once per call: answered (`call.status`) or given up (0). */
  settled(call: Call): void {
    this.#inFlight--;
    this.#byStatus.set(call.status, (this.#byStatus.get(call.status) ?? 0) + 1);
    if (call.fault) this.#byFault.set(call.fault, (this.#byFault.get(call.fault) ?? 0) + 1);
  }

  report(): TallyReport {
    const byStatus: Record<string, number> = {};
    for (const [status, count] of this.#byStatus) byStatus[status === 0 ? 'none' : status] = count;
    return {
      requests: this.#requests,
      byStatus,
      byFault: Object.fromEntries(this.#byFault),
      whileDown: this.#whileDown,
      inFlight: this.#inFlight,
      mostInFlight: this.#mostInFlight,
    };
  }

  /** The last requests, oldest first. */
  log(last: number): LogEntry[] {
    return this.#log
      .filter((call) => call !== undefined)
      .sort((a, b) => a.number - b.number)
      .slice(-last)
      .map(logEntry);
  }
}

function logEntry(call: Call): LogEntry {
  const { authorization: _, ...headers } = call.headers;
  const { number, at, method, url, text, status, fault, latencyMs } = call;
  return { number, at, method, url, headers, body: text, status, fault, latencyMs };
}
