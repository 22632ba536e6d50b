/** One exchange on the wire: from the moment before the bytes leave to the whole answer, or an honest "it is not known". */
import type { Dispatcher } from 'undici';
import { decodeBody, withoutMark } from './decode-body.ts';
import type { Exchange, SendOptions } from './http-client.ts';
import type { Flight, InFlight } from './in-flight.ts';

/** Bytes of a reply that are read; what comes after them is dropped. */
export const BODY_CAP = 8 * 1024 * 1024;

export interface ExchangeDeps {
  /** Monotonic milliseconds. */
  now: () => number;
  /** Ends the exchange when its time is over or its signal fires. */
  flights: InFlight;
}

/** One of the two is called, once. */
export interface Settle {
  exchange: (exchange: Exchange) => void;
  /** It cannot be said in HTTP (a character that headers cannot carry, a bad method). */
  invalid: (reason: string) => void;
}

const EXPIRED: Exchange = {
  kind: 'not_sent',
  reason: 'expired',
  message: 'its turn had passed when the connection was ready',
};
const NO_CONNECTION: Exchange = { kind: 'not_sent', reason: 'connect', message: 'no connection within the timeout' };
/** Undici's codes for what cannot be written as HTTP. */
const NOT_HTTP = new Set(['UND_ERR_INVALID_ARG', 'UND_ERR_NOT_SUPPORTED']);

type Reply = Extract<Exchange, { kind: 'reply' }>;
type Lost = Extract<Exchange, { kind: 'lost' }>;
type Controller = Dispatcher.DispatchController;
type Headers = Record<string, string | string[] | undefined>;

/**
 * Undici's low-level handler. `onRequestStart` runs in the same tick as the write, so everything before it is `not_sent` and
 * everything after it without a complete answer is `lost`. Settles exactly once.
 */
export class ExchangeHandler implements Dispatcher.DispatchHandler, Flight {
  readonly startedAt: number;
  readonly #deps: ExchangeDeps;
  readonly #options: SendOptions;
  readonly #settle: Settle;
  #controller: Controller | null = null;
  /** Of a request that has less time than the connection gives. */
  #timer: NodeJS.Timeout | null = null;
  #done = false;
  #status = 0;
  #headers: Headers = {};
  #chunks: Buffer[] = [];
  #size = 0;

  constructor(deps: ExchangeDeps, options: SendOptions, settle: Settle) {
    this.#deps = deps;
    this.#options = options;
    this.#settle = settle;
    this.startedAt = deps.now();
    deps.flights.add(this);
  }

  get signal(): AbortSignal {
    return this.#options.signal;
  }

  onRequestStart(controller: Controller): void {
    // A second start would be undici sending again by itself.
    if (this.#controller) this.#finish(this.#lost('reset', 'the connection was lost'));
    else if (!this.#done && !this.#options.mayLeave()) this.#finish(EXPIRED);
    // Throwing drops the request without costing the connection, as aborting would.
    if (this.#done) throw new Error('it may not leave');
    this.#controller = controller;
    const { withinMs } = this.#options;
    if (withinMs !== undefined && withinMs < this.#deps.flights.timeoutMs)
      this.#timer = setTimeout(() => this.expire(), withinMs);
  }

  onResponseStart(_controller: Controller, status: number, headers: Headers): void {
    this.#status = status;
    this.#headers = headers;
  }

  onResponseData(_controller: Controller, chunk: Buffer): void {
    if (this.#done) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    if (this.#size > BODY_CAP) this.#reply(true);
  }

  onResponseEnd(): void {
    this.#reply(false);
  }

  onResponseError(_controller: Controller | null, error: Error): void {
    if (this.#done) return;
    const code = codeOf(error);
    const message = code && !error.message.includes(code) ? `${error.message} (${code})` : error.message;
    if (NOT_HTTP.has(code)) this.#refuse(message);
    else if (this.#controller) this.#finish(this.#lost('reset', message));
    else this.#finish({ kind: 'not_sent', reason: 'connect', message });
  }

  expire(): void {
    this.#fail(this.#controller ? this.#lost('timeout', 'no complete answer within the timeout') : NO_CONNECTION);
  }

  abort(): void {
    const message = 'stopped before the answer came';
    this.#fail(this.#controller ? this.#lost('aborted', message) : { kind: 'not_sent', reason: 'aborted', message });
  }

  #lost(reason: Lost['reason'], message: string): Lost {
    return { kind: 'lost', reason, message, ms: this.#deps.now() - this.startedAt };
  }

  #fail(exchange: Exchange): void {
    if (this.#finish(exchange)) this.#controller?.abort(new Error(exchange.kind));
  }

  #refuse(reason: string): void {
    if (this.#end()) this.#settle.invalid(reason);
  }

  #finish(exchange: Exchange): boolean {
    const first = this.#end();
    if (first) this.#settle.exchange(exchange);
    return first;
  }

  #end(): boolean {
    if (this.#done) return false;
    this.#done = true;
    this.#deps.flights.delete(this);
    if (this.#timer) clearTimeout(this.#timer);
    return true;
  }

  #reply(truncated: boolean): void {
    if (!this.#end()) return;
    const ms = this.#deps.now() - this.startedAt;
    const encoding = this.#headers['content-encoding'];
    const reply = { kind: 'reply', status: this.#status, headers: joinRepeated(this.#headers), ms } as const;
    if (truncated) this.#controller?.abort(new Error('more than is read of a reply'));
    if (!encoding || this.#size === 0) this.#settle.exchange({ ...reply, body: this.#text(), truncated });
    else if (truncated) this.#settle.exchange({ ...reply, body: '', truncated });
    else void this.#replyDecoded(reply, String(encoding));
  }

  async #replyDecoded(reply: Omit<Reply, 'body' | 'truncated'>, encoding: string): Promise<void> {
    const decoded = await decodeBody(Buffer.concat(this.#chunks), encoding, BODY_CAP);
    this.#settle.exchange({ ...reply, ...decoded });
  }

  #text(): string {
    const [first] = this.#chunks;
    if (!first) return '';
    const bytes = this.#chunks.length === 1 ? first : Buffer.concat(this.#chunks);
    return withoutMark(bytes.toString('utf8', 0, BODY_CAP));
  }
}

function codeOf(error: Error): string {
  return (error as NodeJS.ErrnoException).code ?? '';
}

function joinRepeated(headers: Headers): Record<string, string> {
  for (const name in headers) {
    const value = headers[name];
    if (Array.isArray(value)) headers[name] = value.join(', ');
  }
  return headers as Record<string, string>;
}
