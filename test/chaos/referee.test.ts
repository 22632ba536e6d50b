/** The referee of chaos must see what it is there to see. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROW_STATE, type RowState } from '../../src/core/outcomes.ts';
import type { OutcomeRecord, StateStore } from '../../src/core/store.ts';
import type { DealReport } from '../../src/sandbox/deals.ts';
import { openStore } from '../../src/state/index.ts';
import { compare, type Findings } from './referee.ts';

const LOOP = { runId: 'run', path: 'loop' };

describe('the referee', () => {
  let dir: string;
  let store: StateStore;
  beforeEach(async () => {
    dir = await mkdtemp(join(tmpdir(), 'upriver-referee-'));
    store = await openStore({ path: join(dir, 'state.db') });
  });
  afterEach(async () => {
    await store[Symbol.asyncDispose]();
    await rm(dir, { recursive: true });
  });

  const findings = async (
    state: RowState,
    deal: Partial<DealReport>,
    kept = false,
    refuses = false,
  ): Promise<Findings> => {
    const writer = await store.writeRowset('rows', { runId: 'run', columns: ['deal_id'] });
    await writer.append(['["1"]']);
    const { id, rows } = await writer.publish();
    await store.openLoop({ ...LOOP, rowsetId: id, rows, chunkSizes: [1] });
    const { epoch } = await store.claimLoop(LOOP);
    await store.commitLoop({
      ...{ loop: LOOP, epoch, requests: 1, progress: [], progressDone: [], outputs: [], delivered: null },
      chunks: [{ chunk: 0, states: Uint8Array.of(ROW_STATE[state]) }],
      records: kept ? [RECORD] : [],
    });
    return compare(LOOP, 1, { store, api: { deals: () => only({ ...DEAL, ...deal }) }, refuses });
  };

  test('is content with a row that was delivered once', async () => {
    expect(await findings('delivered', {})).toMatchObject({ problems: [], twice: 0, received: 1 });
  });

  test.each<[string, RowState, Partial<DealReport>, boolean]>([
    ['delivered, and never applied', 'delivered', { applied: 0, properties: {} }, false],
    ['delivered with other values', 'delivered', { properties: { amount: '9' } }, false],
    ['not attempted, and sent', 'pending', {}, false],
    ['left in doubt', 'sending', {}, false],
    ['rejected for no reason', 'rejected', {}, true],
    ['unknown, and no record why', 'unknown', {}, false],
    ['delivered, and has a record of a failure', 'delivered', {}, true],
  ])('finds a row that is %s', async (_what, state, deal, kept) => {
    expect((await findings(state, deal, kept)).problems).toHaveLength(1);
  });

  test.each([
    [true, 0],
    [false, 1],
  ])('takes a row that was received for untouched only if the API refuses some: %s', async (refuses, problems) => {
    const received = { received: 1, applied: 0, properties: {} };
    expect((await findings('pending', received, false, refuses)).problems).toHaveLength(problems);
  });

  test('counts what was applied twice', async () => {
    expect(await findings('delivered', { received: 3, applied: 3 })).toMatchObject({ problems: [], twice: 2 });
  });
});

const DEAL: DealReport = { id: '1', properties: { amount: '0' }, exists: true, received: 1, applied: 1, lost: 0 };
const RECORD: OutcomeRecord = {
  ...{ row: 0, key: null, outcome: 'unknown', code: 'X', message: '', httpStatus: null, excerpt: null, attempts: 1 },
};

async function* only(deal: DealReport): AsyncGenerator<DealReport> {
  yield deal;
}
