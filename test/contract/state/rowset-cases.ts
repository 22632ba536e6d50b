/** Rowsets: all or nothing, in chunks. */
import fc from 'fast-check';
import type { StateStore } from '../../../src/core/store.ts';
import type { Place } from './suite.ts';

export async function writeRows(store: StateStore, id: string, rows: readonly string[], runId = 'run') {
  const writer = await store.writeRowset(id, { runId, columns: ['a'] });
  await writer.append(rows);
  return writer.publish();
}

export async function readAll(store: StateStore, id: string): Promise<string[]> {
  const meta = await store.getRowset(id);
  const rows: string[] = [];
  for (const [chunk, start] of (meta?.chunkStarts ?? []).entries()) {
    const read = await store.readChunk(id, chunk);
    expect(read.firstRow).toBe(start);
    expect(start).toBe(rows.length);
    rows.push(...read.rows);
  }
  expect(rows).toHaveLength(meta?.rows ?? 0);
  return rows;
}

export const numbered = (count: number) =>
  Array.from({ length: count }, (_, index) => JSON.stringify([index, `row ${index}`]));

export function rowsetCases(place: Place): void {
  test('readers see nothing before it is published, and all of it after', async () => {
    const store = await place.open();
    const writer = await store.writeRowset('rows', { runId: 'run', columns: ['id', 'name'] });
    await writer.append(numbered(12_000));
    expect(await store.getRowset('rows')).toBeNull();
    await expect(store.readChunk('rows', 0)).rejects.toMatchObject({ code: 'STATE_MISSING' });
    const meta = await writer.publish();
    expect(meta).toEqual({
      id: 'rows',
      runId: 'run',
      columns: ['id', 'name'],
      rows: 12_000,
      chunkStarts: [0, 5_000, 10_000],
    });
    expect(await (await place.open()).getRowset('rows')).toEqual(meta);
    expect(await readAll(store, 'rows')).toEqual(numbered(12_000));
  });

  test('a rowset without rows has no chunks', async () => {
    const store = await place.open();
    expect(await writeRows(store, 'rows', [])).toMatchObject({ rows: 0, chunkStarts: [] });
    expect(await store.getRowset('rows')).toMatchObject({ rows: 0, chunkStarts: [] });
  });

  test('chunks are cut by size too, and a row larger than a chunk is one of its own', async () => {
    const store = await place.open();
    const row = (length: number) => JSON.stringify(['x'.repeat(length)]);
    const rows = [row(10), row(5_000_000), row(10), row(3_000_000), row(1_000_000), row(1_000_000)];
    expect(await writeRows(store, 'rows', rows)).toMatchObject({ rows: 6, chunkStarts: [0, 1, 2, 5] });
    expect(await readAll(store, 'rows')).toEqual(rows);
  });

  test('every text comes back as it went in, however it was appended', async () => {
    const store = await place.open();
    let made = 0;
    const texts = fc.array(fc.array(fc.json(), { maxLength: 30 }), { maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(texts, async (appends) => {
        const id = `rows-${made++}`;
        const writer = await store.writeRowset(id, { runId: 'run', columns: ['a'] });
        for (const rows of appends) await writer.append(rows);
        await writer.publish();
        expect(await readAll(store, id)).toEqual(appends.flat());
      }),
      { numRuns: 25 },
    );
  });

  test('a published id cannot be written again', async () => {
    const store = await place.open();
    await writeRows(store, 'rows', ['[1]']);
    await expect(store.writeRowset('rows', { runId: 'run', columns: ['a'] })).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
      retry: true,
    });
    expect(await readAll(store, 'rows')).toEqual(['[1]']);
  });

  test('what an unpublished writer left is dropped, and that writer writes nothing more', async () => {
    const store = await place.open();
    const late = await store.writeRowset('rows', { runId: 'run', columns: ['a'] });
    await late.append(numbered(5_000));
    expect(await writeRows(await place.open(), 'rows', ['[2]'])).toMatchObject({ rows: 1 });
    await expect(late.append(numbered(20_000)).then(() => late.publish())).rejects.toMatchObject({
      code: 'STATE_CONFLICT',
    });
    await late.abort();
    expect(await readAll(store, 'rows')).toEqual(['[2]']);
  });

  test('a replaced writer cannot publish', async () => {
    const store = await place.open();
    const late = await store.writeRowset('rows', { runId: 'run', columns: ['a'] });
    const next = await store.writeRowset('rows', { runId: 'run', columns: ['a'] });
    await expect(late.publish()).rejects.toMatchObject({ code: 'STATE_CONFLICT' });
    await next.append(['[3]']);
    await next.publish();
    await late.abort();
    expect(await readAll(store, 'rows')).toEqual(['[3]']);
  });

  test('an aborted writer leaves nothing', async () => {
    const store = await place.open();
    const writer = await store.writeRowset('rows', { runId: 'run', columns: ['a'] });
    await writer.append(numbered(7_000));
    await writer.abort();
    expect(await store.getRowset('rows')).toBeNull();
    expect(await writeRows(store, 'rows', ['[4]'])).toMatchObject({ rows: 1 });
  });

  test('append gives backpressure: it waits for chunks to be written', async () => {
    const store = await place.open();
    const writer = await store.writeRowset('rows', { runId: 'run', columns: ['a'] });
    await writer.append(numbered(50_000));
    const other = await place.open();
    await writer.publish();
    expect(await readAll(other, 'rows')).toHaveLength(50_000);
  });
}
