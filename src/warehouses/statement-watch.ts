/** Watches over one running statement: cancels it in the warehouse when it is no longer wanted or takes too long. */
import { UpriverError } from '../core/errors.ts';
import type { StatementOptions } from './warehouse.ts';

/** A cancel that arrives before the warehouse has begun the statement is lost, so it is repeated until the statement ends. */
const REPEAT_MS = 100;

export interface StatementWatch extends Disposable {
  /** Throws why the statement had to end, if it had to. */
  throwIfEnded(): void;
}

/** @param cancel ends whatever runs in the session now; called again until the watch is disposed */
export function watchStatement(
  options: Pick<StatementOptions, 'signal' | 'timeoutMs'>,
  cancel: () => void,
): StatementWatch {
  const signals = [options.signal];
  const timeout = options.timeoutMs === null ? null : AbortSignal.timeout(options.timeoutMs);
  if (timeout) signals.push(timeout);
  const ended = AbortSignal.any(signals);
  let repeat: NodeJS.Timeout | undefined;
  const end = () => {
    cancel();
    repeat = setInterval(cancel, REPEAT_MS);
  };
  if (!ended.aborted) ended.addEventListener('abort', end, { once: true });

  return {
    throwIfEnded() {
      if (options.signal.aborted) throw options.signal.reason;
      if (timeout?.aborted) throw timedOut(options.timeoutMs ?? 0);
    },
    [Symbol.dispose]() {
      ended.removeEventListener('abort', end);
      clearInterval(repeat);
    },
  };
}

function timedOut(timeoutMs: number): UpriverError {
  return new UpriverError('REMOTE_WAREHOUSE_TIMEOUT', `the statement ran longer than ${timeoutMs} ms and was ended`, {
    hint: "Raise the step's `timeout`, or make the statement do less.",
  });
}
