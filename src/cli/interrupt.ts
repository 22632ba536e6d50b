/** Ctrl-C and SIGTERM: the first asks to stop in order, the second stops at once. */
import { EXIT } from './exit-codes.ts';

export interface Interrupt extends Disposable {
  /** Aborted by the first signal. */
  readonly signal: AbortSignal;
  /** What the process exits with once it was interrupted. */
  exitCode(): number;
}

const CODES = { SIGINT: EXIT.interrupted, SIGTERM: EXIT.terminated, SIGHUP: EXIT.terminated } as const;
const SIGNALS = Object.keys(CODES) as (keyof typeof CODES)[];

export function onInterrupt(): Interrupt {
  const controller = new AbortController();
  let code: number = EXIT.interrupted;
  const handle = (signal: NodeJS.Signals) => {
    code = CODES[signal as keyof typeof CODES];
    if (controller.signal.aborted) {
      process.stderr.write(
        'Stopped at once. What was in flight is in doubt: it is sent again only where that is safe.\n',
      );
      process.exit(code);
    }
    controller.abort();
  };
  for (const signal of SIGNALS) process.on(signal, handle);
  return {
    signal: controller.signal,
    exitCode: () => code,
    [Symbol.dispose]: () => {
      for (const signal of SIGNALS) process.off(signal, handle);
    },
  };
}

/** Resolves when the signal fires. */
export function aborted(signal: AbortSignal): Promise<void> {
  if (signal.aborted) return Promise.resolve();
  return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
}
