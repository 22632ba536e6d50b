/** Rows of a run that are sent again: which they are, and which of them a later run has dealt with. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ROW_STATE, type RowState } from '../../../src/core/outcomes.ts';
import type { StateStore } from '../../../src/core/store.ts';
import { encode } from '../../../src/core/values.ts';
import { retryRows } from '../../../src/delivery/retry-rows.ts';
import { openStore } from '../../../src/state/index.ts';
import { loop } from '../../helpers/plans.ts';
import { aCommit } from '../state/loop-cases.ts';
import { aRun } from '../state/run-cases.ts';

let dir: string;
let store: StateStore;

beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'upriver-retry-'));
  store = await openStore({ path: join(dir, 'state.db') });
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  await rm(dir, { recursive: true });
});

/** A run whose loop went over these deals, and how each ended. */
async function ran(runId: string, deals: Record<string, RowState>): Promise<void> {
  const ids = Object.keys(deals);
  await store.createRun(aRun(runId, { river: 'deals', status: 'failed' }));
  const writer = await store.writeRowset(runId, { runId, columns: ['properties', 'DEAL_ID'] });
  await writer.append(ids.map((id) => encode([{ from: runId }, id])));
  await writer.publish();
  const key = { runId, path: 'each' };
  await store.openLoop({ ...key, rowsetId: runId, rows: ids.length, chunkSizes: [ids.length] });
  const { epoch } = await store.claimLoop(key);
  const states = Uint8Array.from(Object.values(deals), (state) => ROW_STATE[state]);
  await store.commitLoop(aCommit(epoch, { loop: key, chunks: [{ chunk: 0, states }] }));
}

/** Which deals are sent again, and by which run each other one was superseded. */
async function retried(of: string, includeUnknown = false): Promise<Record<string, string>> {
  const key = { runId: 'again', path: 'each' };
  const run = { runId: 'again', river: 'deals', startedAt: '', scheduledAt: '', dryRun: false, full: false };
  const iterators = [
    { name: 'deal_id', column: 'deal_id' },
    { name: 'properties', column: 'properties' },
  ];
  const rows = await retryRows(
    { run, loop: key, step: loop({ key: ['deal_id'], iterators }), of, includeUnknown },
    store,
  );
  if (rows === null) return {};
  const records = new Map((await store.readRecords(key, {})).map((record) => [record.row, record.message]));
  const deals = (await store.readChunk(rows.$rowset, 0)).rows.map((text) => JSON.parse(text)[1] as string);
  return Object.fromEntries(deals.map((id, row) => [id, records.get(row) ?? 'sent']));
}

test('what a later run has sent is not sent again, nor what it may have', async () => {
  await ran('first', {
    1: 'failed',
    2: 'rejected',
    3: 'pending',
    4: 'failed',
    5: 'failed',
    6: 'failed',
    7: 'delivered',
  });
  await ran('later', { 1: 'delivered', 2: 'unchanged', 3: 'unknown', 4: 'sending', 5: 'rejected', 7: 'delivered' });
  const superseded = 'The later run later has sent a newer value.';
  expect(await retried('first')).toEqual({
    1: superseded,
    2: superseded,
    3: superseded,
    4: superseded,
    5: 'sent',
    6: 'sent',
  });
});

test('what an earlier run has sent says nothing', async () => {
  await ran('earlier', { 1: 'delivered' });
  await ran('first', { 1: 'unknown' });
  expect(await retried('first', true)).toEqual({ 1: 'sent' });
});

test('however many runs came after it', async () => {
  await ran('first', { 1: 'failed', 2: 'failed' });
  await ran('later', { 1: 'delivered' });
  const many = Array.from({ length: 1_001 }, (_, index) =>
    aRun(`quiet-${index}`, { river: 'deals', startedAt: 2_000 }),
  );
  await Promise.all(many.map((run) => store.createRun(run)));
  expect(await retried('first')).toEqual({ 1: 'The later run later has sent a newer value.', 2: 'sent' });
});
