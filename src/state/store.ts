/** The StateStore: its parts put together over one engine. */
import { randomUUID } from 'node:crypto';
import type { PermitStore } from '../core/permits.ts';
import type { StateStore } from '../core/store.ts';
import type { Engine } from './engine.ts';
import { deliveredOf, loopsOf } from './loops.ts';
import { blockName } from './permits.ts';
import { prune } from './prune.ts';
import { rowsetsOf } from './rowsets.ts';
import { locksOf, runsOf, variablesOf } from './runs.ts';

export function storeOn(engine: Engine, clock?: () => number): StateStore {
  const delivered = deliveredOf(engine);
  let closed: Promise<void> | null = null;
  return {
    ...runsOf(engine.db),
    ...locksOf(engine.db),
    ...variablesOf(engine.db),
    ...rowsetsOf(engine),
    ...loopsOf(engine, delivered),
    lookupDelivered: delivered.lookup,
    ...permitsOf(engine, () => clock?.() ?? null),
    prune: (now) => prune(engine, now),
    check: () => engine.facts(),
    [Symbol.asyncDispose]() {
      closed ??= engine.close();
      return closed;
    },
  };
}

function permitsOf(engine: Engine, now: () => number | null): PermitStore {
  return {
    takePermits: (request) =>
      engine.permits({ kind: 'take', request, block: blockName(request.taker, randomUUID()) }, now()),
    async reportPermits(reports) {
      if (reports.length > 0) await engine.permits({ kind: 'report', reports }, now());
    },
    async pauseConnection(connection, forMs) {
      await engine.permits({ kind: 'pause', connection, forMs }, now());
    },
    async noteForeign(window, requests) {
      if (requests > 0) await engine.permits({ kind: 'foreign', window, requests }, now());
    },
  };
}
