/** Makes one thing go wrong, and right again. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Api, SupervisedWorker, TemporalServer } from './processes.ts';
import type { ChaosEvent } from './schedule.ts';

export interface Parts {
  api: Api;
  temporal: TemporalServer;
  workers: readonly SupervisedWorker[];
  /** null: the state is in SQLite. */
  postgres: { crash(downMs: number): Promise<void> } | null;
  /** Asks the run to stop. */
  cancel(): Promise<void>;
}

/** A worker that is asked to stop must have done so by then. */
const TERM_MS = 30_000;

/** Resolves when the part is back; the text says what is not as it should be. */
export async function strike({ kind, dice }: ChaosEvent, parts: Parts): Promise<string | null> {
  const worker = parts.workers[Math.floor(dice * parts.workers.length)] as SupervisedWorker;
  // Which worker, and how long, must not be tied to each other.
  const spread = (dice * 7919) % 1;
  switch (kind) {
    case 'kill':
      await worker.end('SIGKILL');
      return null;
    case 'freeze':
      await worker.freeze(8_000 + 4_000 * spread);
      return null;
    case 'term':
      return terminate(worker);
    case 'temporal':
      await parts.temporal.crash(2_000 * spread);
      return null;
    case 'postgres':
      await parts.postgres?.crash(2_000 * spread);
      return null;
    case 'down':
      await parts.api.set({ down: true });
      await sleep(1_000 + 3_000 * spread);
      await parts.api.set({ down: false });
      return null;
    case 'faults':
      await parts.api.set({ faults: { rates: { 429: 0.05, 500: 0.1, reset_after: 0.02 }, retryAfterSeconds: 1 } });
      await sleep(1_000 + 2_000 * spread);
      await parts.api.set({ faults: {} });
      return null;
    case 'cancel':
      await cancel(worker, parts, spread);
      return null;
  }
}

/** Alone, or with a worker that dies or stops just before or after. */
async function cancel(worker: SupervisedWorker, parts: Parts, spread: number): Promise<void> {
  const after = () => sleep(1_000 * ((spread * 7919) % 1));
  const freeze = () => worker.freeze(8_000 + 4_000 * spread);
  const kill = async () => void (await worker.end('SIGKILL'));
  const way = Math.floor(spread * 5);
  const before = [freeze, kill][way];
  const begun = before?.();
  if (way === 0) await after();
  await parts.cancel();
  await begun;
  const then = way === 2 ? freeze : way === 3 ? kill : null;
  if (!then) return;
  await after();
  await then();
}

async function terminate(worker: SupervisedWorker): Promise<string | null> {
  const { code, ms } = await worker.end('SIGTERM');
  // null: it was asked before it had begun to listen.
  if (code !== 0 && code !== null) return `a worker that was asked to stop ended with ${code}`;
  return ms > TERM_MS ? `a worker that was asked to stop took ${Math.round(ms)} ms` : null;
}
