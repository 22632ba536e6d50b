/** Sends one request for one or more rows in the order that keeps a crash honest: place, permit, mark, request. */
import type { Destination, Exchange, Permit, PreparedRequest } from '../http/http-client.ts';
import type { Slots } from '../http/slots.ts';
import type { Ledger } from './ledger.ts';
import type { Turn } from './turn.ts';

/** The segment takes no more rows: the row goes back to where it was. */
export class StoppedError extends Error {
  override readonly name = 'StoppedError';
}

export interface SenderContext {
  ledger: Ledger;
  /** The loop's own ceiling. */
  slots: Slots;
  /** Verdicts wait for its end, so that the next requests leave before them. */
  turn: Turn;
  /** Who asks for permits, for fair shares: run and loop. */
  taker: string;
  /** No new request after this. */
  stop: AbortSignal;
  /** Requests under way are cut off. */
  abort: AbortSignal;
}

export interface Outgoing {
  request: PreparedRequest;
  destination: Destination;
  /** Makes the rows durably `sending`. */
  mark: () => Promise<void>;
  /**
   * Mark before waiting for a place, so that commits overlap with requests. Only where permits are free and a row in
   * doubt may be sent again: at most as many rows again as there are places are in doubt after a crash.
   */
  markAhead: boolean;
  /** Longest wait for its answer; Infinity: as the connection says. */
  withinMs: number;
}

/**
 * Never answers `not_sent/expired`: a request whose permit or lease ran out is held until it has a fresh one. Where it
 * rejects, nothing has left. What is there at once is not awaited: at full speed every `await` counts.
 */
export async function sendOne(outgoing: Outgoing, context: SenderContext): Promise<Exchange> {
  if (outgoing.markAhead) await outgoing.mark();
  const place = context.slots.enter();
  if (place !== undefined) await place;
  let exchange: Exchange;
  try {
    exchange = await sendInSlot(outgoing, context);
  } finally {
    context.slots.leave();
  }
  await context.turn.end();
  return exchange;
}

async function sendInSlot(outgoing: Outgoing, context: SenderContext): Promise<Exchange> {
  let marked = outgoing.markAhead;
  for (;;) {
    const { limiter } = outgoing.destination;
    const place = limiter.enter();
    if (place !== undefined) await place;
    let permit: Permit | null = null;
    try {
      if (context.stop.aborted) throw new StoppedError();
      const free = limiter.unlimited && limiter.pausedFor() === 0;
      if (!free) permit = await takePermit(outgoing, context);
      if (!marked) await outgoing.mark();
      marked = true;
      const exchange = await sendPermitted(outgoing, context, permit);
      if (exchange.kind !== 'not_sent' || exchange.reason !== 'expired') return exchange;
    } finally {
      // Whatever came between: a permit that nothing was answered to goes back, or it would count for ever.
      permit?.unused();
      limiter.leave();
    }
  }
}

async function takePermit({ destination, request }: Outgoing, { taker, stop }: SenderContext): Promise<Permit> {
  try {
    return await destination.limiter.permit(request.path, taker, stop);
  } catch (error) {
    throw stop.aborted ? new StoppedError() : error;
  }
}

async function sendPermitted(outgoing: Outgoing, context: SenderContext, permit: Permit | null): Promise<Exchange> {
  const { ledger, abort, stop } = context;
  if (!ledger.leased()) await ledger.renew();
  if (stop.aborted) throw new StoppedError();
  const mayLeave = () => ledger.leased() && (permit === null || permit.fresh());
  const { request, destination, withinMs } = outgoing;
  const exchange = await destination.send(request, { mayLeave, signal: abort, withinMs });
  if (exchange.kind === 'not_sent') return exchange;
  permit?.answered();
  ledger.countRequest();
  return exchange;
}
