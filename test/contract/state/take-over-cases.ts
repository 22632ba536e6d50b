/** Rowsets of a stored result: what a dead attempt left is gone on with, and nothing else ever is. */
import type { RowsetWriter, StateStore } from '../../../src/core/store.ts';
import type { Engine } from '../../../src/state/engine.ts';
import type { OpenStore } from '../../../src/state/index.ts';
import { openPostgres } from '../../../src/state/postgres/engine.ts';
import { openSqlite } from '../../../src/state/sqlite/engine.ts';
import { numbered, readAll } from './rowset-cases.ts';
import { aRun } from './run-cases.ts';
import type { Place } from './suite.ts';

const ALL = numbered(23_000);
const of = (source: string | null) => ({ runId: 'run', columns: ['a'], source: source ?? undefined });

export function takeOverCases(place: Place): void {
  test('the chunks of the same result are taken over, and the earlier writer can do no harm', async () => {
    const store = await place.open();
    const late = await diedHalfWay(place);
    const next = await store.writeRowset('rows', of('query-1'));
    expect(next.kept).toBe(15_000);
    await next.append(ALL.slice(15_000, 21_000));
    // It wakes, with a chunk in hand and others to come.
    const woken = late.append(ALL).then(() => late.publish());
    await next.append(ALL.slice(21_000));
    expect(await next.publish()).toMatchObject({ rows: 23_000, chunkStarts: [0, 5_000, 10_000, 15_000, 20_000] });
    await expect(woken).rejects.toMatchObject({ code: 'STATE_CONFLICT', retry: true });
    await late.abort();
    expect(await readAll(store, 'rows')).toEqual(ALL);
    await expect(store.writeRowset('rows', of('query-1'))).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    expect(await readAll(store, 'rows')).toEqual(ALL);
    expect(await chunksOf(place)).toHaveLength(5);
  });

  test('chunks after one that is missing are dropped', async () => {
    const store = await place.open();
    await diedHalfWay(place);
    await change(place, 'DELETE FROM rowset_chunks WHERE chunk = 1');
    expect(await finish(store)).toBe(5_000);
    expect(await readAll(store, 'rows')).toEqual(ALL);
    expect(await chunksOf(place)).toHaveLength(5);
  });

  test('without the first chunk nothing is kept', async () => {
    const store = await place.open();
    await diedHalfWay(place);
    await change(place, 'DELETE FROM rowset_chunks WHERE chunk = 0');
    expect(await finish(store)).toBe(0);
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });

  test.each([
    ['another result', 'query-1', 'query-2'],
    ['a result that cannot be read on', 'query-1', null],
    ['nobody knows what', null, 'query-1'],
    ['what can never be read on', null, null],
  ])('%s: rows of one never stand among those of another', async (_what, before, after) => {
    const store = await place.open();
    await diedHalfWay(place, before);
    const writer = await store.writeRowset('rows', of(after));
    expect(writer.kept).toBe(0);
    await writer.append(['["new"]']);
    expect(await writer.publish()).toMatchObject({ rows: 1, chunkStarts: [0] });
    expect(await readAll(store, 'rows')).toEqual(['["new"]']);
    expect(await chunksOf(place)).toHaveLength(1);
  });

  test('other rowsets of the same result keep their chunks', async () => {
    const store = await place.open();
    await diedHalfWay(place);
    const other = await store.writeRowset('other', of('query-1'));
    expect(other.kept).toBe(0);
    await other.append(['[1]']);
    await other.publish();
    expect(await finish(store)).toBe(15_000);
    expect(await readAll(store, 'other')).toEqual(['[1]']);
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });

  test('one attempt after another: each goes on where the one before was', async () => {
    const store = await place.open();
    await diedHalfWay(place);
    const second = await store.writeRowset('rows', of('query-1'));
    await second.append(ALL.slice(second.kept, 20_001));
    await chunksWritten(place, 4);
    expect(await finish(store)).toBe(20_000);
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });

  test('all was written and not published yet: there is nothing left to append', async () => {
    const store = await place.open();
    const writer = await store.writeRowset('rows', of('query-1'));
    await writer.append(ALL);
    await writer.publish();
    await change(place, 'UPDATE rowsets SET published = 0');
    expect(await finish(store)).toBe(23_000);
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });

  test('what nobody went on with goes when its run expires', async () => {
    const store = await place.open();
    await store.createRun(aRun('run', { expiresAt: 1 }));
    await diedHalfWay(place);
    await store.prune(1);
    expect(await chunksOf(place)).toEqual([]);
  });

  test('two attempts at once: one of them publishes, whole', async () => {
    await diedHalfWay(place);
    const attempt = async () => finish(await place.open());
    const ended = await Promise.allSettled([attempt(), attempt(), attempt()]);
    expect(ended.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    for (const each of ended) if (each.status === 'rejected') expect(each.reason).toMatchObject({ retry: true });
    const store = await place.open();
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });

  test('a store from before results had names is brought up to date, and nothing in it is taken for one', async () => {
    const before = await place.open();
    await diedHalfWay(place);
    const whole = await before.writeRowset('whole', of(null));
    await whole.append(ALL);
    await whole.publish();
    await before[Symbol.asyncDispose]();
    await change(place, 'ALTER TABLE rowsets DROP COLUMN source');
    await change(place, 'DROP TABLE river_waiters');
    await change(place, place.target.url ? 'UPDATE schema_version SET version = 2' : 'PRAGMA user_version = 2');
    const store = await place.open();
    expect(await store.check()).toMatchObject({ schema: '4' });
    expect(await readAll(store, 'whole')).toEqual(ALL);
    expect(await finish(store)).toBe(0);
    expect(await readAll(store, 'rows')).toEqual(ALL);
  });
}

/** Three chunks are written, a fourth is not. */
async function diedHalfWay(place: Place, source: string | null = 'query-1'): Promise<RowsetWriter> {
  const writer = await (await place.open()).writeRowset('rows', of(source));
  await writer.append(ALL.slice(0, 20_000));
  await chunksWritten(place, 3);
  return writer;
}

/** Returns how many rows it began with. */
async function finish(store: StateStore): Promise<number> {
  const writer = await store.writeRowset('rows', of('query-1'));
  await writer.append(ALL.slice(writer.kept));
  await writer.publish();
  return writer.kept;
}

async function chunksWritten(place: Place, count: number): Promise<void> {
  await onEngine(place.target, async (engine) => {
    while ((await chunksIn(engine)).length < count) {}
  });
}

const chunksIn = ({ db }: Engine) => db.selectFrom('rowset_chunks').select('chunk').execute();
const chunksOf = (place: Place) => onEngine(place.target, chunksIn);

async function change(place: Place, sql: string): Promise<void> {
  await onEngine(place.target, ({ batch }) => {
    const path = place.target.url ? [{ sql: 'SET LOCAL search_path = upriver', params: [] }] : [];
    return batch([...path, { sql, params: [] }]);
  });
}

async function onEngine<T>({ url, path }: OpenStore, work: (engine: Engine) => Promise<T>): Promise<T> {
  const engine = url ? await openPostgres(url) : await openSqlite(path as string);
  try {
    return await work(engine);
  } finally {
    await engine.close();
  }
}
