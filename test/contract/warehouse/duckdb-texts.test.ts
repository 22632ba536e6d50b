/** Texts read many at once are those that DuckDB's own driver reads one by one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type DuckDBConnection, DuckDBInstance, type DuckDBVarCharVector } from '@duckdb/node-api';
import { textsOf } from '../../../src/warehouses/duckdb/texts.ts';

/** How a text comes about → expression over i. */
const TEXTS = {
  'short ones, empty ones': "case when i % 3 = 0 then '' else 'n' || i end",
  'around the length that is kept in place': "repeat('x', (i % 5 + 10)::int)",
  'long ones': "'a text that is longer than twelve bytes, number ' || i",
  'long and short ones in turn': "repeat('ab', (i % 20)::int) || i",
  'not ASCII': "'Grüße aus Zürich 🚲 an Nummer ' || i",
  'here and there not ASCII':
    "case when i % 700 = 0 then 'çà et là, quelque part ' else 'nothing but ASCII here ' end || i",
  'with nulls': "case when i % 7 < 3 then null else 'not null, and a number ' || i end",
  'nothing but nulls': 'null::varchar',
  'the same again and again': "['one of a few texts', 'another of a few texts', 'the third of a few'][i % 3 + 1]",
  JSON: "json_object('a', i, 'b', 'text ' || i)",
  'some of them huge': "case when i % 2000 = 1 then repeat('0123456789', 150_000) else 'small enough, ' || i end",
  'with zero bytes and line breaks': "'line one' || chr(10) || 'and' || chr(0) || 'line ' || i",
};
const ROWS = 5_000;

let folder: string;
let instance: DuckDBInstance;
let connection: DuckDBConnection;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upriver-texts-'));
  instance = await DuckDBInstance.create(join(folder, 'texts.duckdb'));
  connection = await instance.connect();
});
afterAll(async () => {
  connection.closeSync();
  instance.closeSync();
  await rm(folder, { recursive: true });
});

async function compare(query: string): Promise<number> {
  const result = await connection.stream(query);
  let rows = 0;
  for (;;) {
    const chunk = await result.fetchChunk();
    if (!chunk?.rowCount) return rows;
    const vector = chunk.getColumnVector(0) as DuckDBVarCharVector;
    const read = textsOf(vector);
    expect(read).toEqual(Array.from({ length: chunk.rowCount }, (_, row) => vector.getItem(row)));
    rows += read.length;
  }
}

test.each(Object.entries(TEXTS))('%s', async (_name, expression) => {
  const computed = `select ${expression} as x from range(${ROWS}) as t(i)`;
  expect(await compare(computed)).toBe(ROWS);
  // On disk, where each block is compressed as DuckDB likes it.
  await connection.run(
    `create or replace table texts as select i, ${expression} as x from range(${ROWS}) as t(i); checkpoint`,
  );
  expect(await compare('select x from texts')).toBe(ROWS);
  expect(await compare('select x from texts where i % 3 <> 0')).toBeLessThan(ROWS);
  expect(await compare('select x from texts order by i desc')).toBe(ROWS);
  expect(await compare('select x from texts order by hash(i)')).toBe(ROWS);
  expect(await compare('select max(x) from texts group by i % 100')).toBe(100);
});
