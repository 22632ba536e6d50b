/** How long limits make requests take that were counted, not sent. */
import type { Window } from './permits.ts';

export interface CountedWindow extends Window {
  connection: string;
  /** Requests that the window counts. */
  counted: number;
}

/** Of one window each, by its id. */
export function addCounted(windows: readonly CountedWindow[]): CountedWindow[] {
  const byId = new Map<string, CountedWindow>();
  for (const window of windows) {
    const counted = window.counted + (byId.get(window.id)?.counted ?? 0);
    byId.set(window.id, { ...window, counted });
  }
  return [...byId.values()];
}

/**
 * Milliseconds from the first to the last request, with every window used to the brim from its start. Connections do not
 * wait for each other, but steps do: their sum is what may be counted on.
 */
export function limitsTime(windows: readonly CountedWindow[]): number {
  const times = new Map<string, number>();
  for (const { connection, requests, perMs, counted } of addCounted(windows)) {
    const time = Math.max(Math.ceil(counted / requests) - 1, 0) * perMs;
    times.set(connection, Math.max(time, times.get(connection) ?? 0));
  }
  return [...times.values()].reduce((sum, time) => sum + time, 0);
}
