/** What every engine of the state store must do. Each engine's test file calls it with a way to get an empty store. */
import { openStore, type OpenStore } from '../../../src/state/index.ts';
import type { StateStore } from '../../../src/core/store.ts';
import { commitCases } from './commit-cases.ts';
import { loopCases } from './loop-cases.ts';
import { permitCases } from './permit-cases.ts';
import { processCases } from './process-cases.ts';
import { pruneCases } from './prune-cases.ts';
import { rowsetCases } from './rowset-cases.ts';
import { runCases } from './run-cases.ts';
import { takeOverCases } from './take-over-cases.ts';

export interface Place {
  /** The empty store that this test has to itself. */
  readonly target: OpenStore;
  /** Opens it; again for a second process's view. Closed when the test ends. */
  open(options?: { clock?: () => number }): Promise<StateStore>;
}

/** `empty`: where a new store can be made. */
export function testStateStore(engine: string, empty: () => Promise<OpenStore>): void {
  describe(`state store on ${engine}`, () => {
    let stores: StateStore[] = [];
    let target: OpenStore;
    const place: Place = {
      get target() {
        return target;
      },
      async open(options) {
        const store = await openStore({ ...target, ...options });
        stores.push(store);
        return store;
      },
    };
    beforeEach(async () => {
      target = await empty();
    });
    afterEach(async () => {
      for (const store of stores) await store[Symbol.asyncDispose]();
      stores = [];
    });

    runCases(place);
    rowsetCases(place);
    takeOverCases(place);
    loopCases(place);
    commitCases(place);
    pruneCases(place);
    permitCases(place);
    processCases(place);
  });
}
