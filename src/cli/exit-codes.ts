/** Exit codes of the command line, and which of them an error means. */
import type { RunStatus } from '../core/store.ts';
import { UpriverError } from '../core/errors.ts';
import { ProjectInvalid } from './errors.ts';

export const EXIT = {
  ok: 0,
  failed: 1,
  usage: 2,
  partial: 3,
  cancelled: 4,
  unreachable: 5,
  /** Stopped by Ctrl-C while a run was in flight (128 + SIGINT). The river goes on, or can be gone on with. */
  interrupted: 130,
  /** The same by SIGTERM. */
  terminated: 143,
} as const;

const OF_STATUS = {
  succeeded: EXIT.ok,
  skipped: EXIT.ok,
  running: EXIT.ok,
  partial: EXIT.partial,
  failed: EXIT.failed,
  cancelled: EXIT.cancelled,
} as const satisfies Record<RunStatus, number>;

export function exitCodeOfStatus(status: RunStatus): number {
  return OF_STATUS[status];
}

/** Temporal or the state store; a wrong `state.url` is a mistake in a file. */
const OUT_OF_REACH =
  /^(STATE_(?!URL$)|CONFIG_TEMPORAL_|CONFIG_NO_TEMPORAL$|CONFIG_NO_HOST$|CONFIG_STATE_DIR$|AUTH_TEMPORAL$)/;

export function exitCodeOfError(error: unknown): number {
  if (error instanceof ProjectInvalid) return EXIT.usage;
  return error instanceof UpriverError ? exitCodeOf(error.code) : EXIT.failed;
}

/** Of an error's code. */
export function exitCodeOf(code: string): number {
  if (OUT_OF_REACH.test(code)) return EXIT.unreachable;
  if (/^(RIVER_|CONFIG_|STATE_URL$|USAGE$|SECRET_IN_FILE$)/.test(code)) return EXIT.usage;
  return EXIT.failed;
}
