/** What activities need from outside: built once per worker by the composition root. */
import type { Reference } from '../src/contracts/plan.ts';
import type { SecretResolver } from '../src/core/secrets.ts';
import type { StateStore } from '../src/core/store.ts';

export interface ActivityDeps {
  store: StateStore;
  secrets: SecretResolver;
  /** What the project's connections refer to: a script may tell it, since it has the same environment. */
  secretReferences: readonly Reference[];
  /** Relative paths of plans start here. */
  projectDir: string;
  runs: OpenRuns;
  /** Aborts when the worker is asked to stop: no new rows, hand over at once. */
  drain: AbortSignal;
  /** Wall clock, epoch ms. */
  wallClock: () => number;
  /** Monotonic ms. */
  now: () => number;
  random: () => number;
  /** Environment that scripts are given. */
  env: Readonly<Record<string, string | undefined>>;
}

/** What only Temporal knows of other runs: they may have been terminated in its UI. */
export interface OpenRuns {
  isOpen(workflowId: string): Promise<boolean>;
  cancel(workflowId: string): Promise<void>;
  /** Somebody has asked it to stop, or one that it is part of, whether it has heard of that or not. */
  isCancelRequested(workflowId: string): Promise<boolean>;
}
