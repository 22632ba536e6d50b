/** The state store on SQLite, and what only a file can do wrong. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStore } from '../../../src/state/index.ts';
import { sqliteError } from '../../../src/state/sqlite/errors.ts';
import { testStateStore } from './suite.ts';

let folder: string;
let made = 0;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'upriver-state-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const newPath = () => join(folder, `${++made}`, 'state.db');

testStateStore('SQLite', async () => ({ path: newPath() }));

test('a file that is no database is named, with what to do', async () => {
  const path = join(folder, 'text.db');
  await writeFile(path, 'this is not a database, but a text that is long enough to have a header of its own');
  await expect(openStore({ path })).rejects.toMatchObject({
    code: 'STATE_CORRUPT',
    retry: false,
    hint: expect.stringContaining('backup'),
  });
});

test('a folder that cannot be made is an error about rights', async () => {
  await writeFile(join(folder, 'file'), '');
  await expect(openStore({ path: join(folder, 'file', 'state.db') })).rejects.toMatchObject({
    code: 'STATE_DENIED',
    retry: false,
  });
});

test('a full disk is an error that goes away by waiting', () => {
  // SQLite says the same of a file at its page limit as of a disk without room.
  const full = new DatabaseSync(':memory:');
  full.exec('CREATE TABLE t (a); PRAGMA max_page_count = 2');
  const write = () => full.prepare('INSERT INTO t VALUES (zeroblob(1000000))').run();
  expect(sqliteError(thrownBy(write), 'state.db')).toMatchObject({ code: 'STATE_DISK_FULL', retry: true });
  full.close();
});

test('a file that another process keeps locked is an error that goes away by waiting', () => {
  const path = newPath();
  const [holder, other] = [openFile(path), openFile(path)];
  holder.exec('BEGIN IMMEDIATE');
  expect(
    sqliteError(
      thrownBy(() => other.exec('BEGIN IMMEDIATE')),
      path,
    ),
  ).toMatchObject({ code: 'STATE_BUSY', retry: true });
  holder.close();
  other.close();
});

test('a store of a newer upriver is left alone', async () => {
  const path = newPath();
  await (await openStore({ path }))[Symbol.asyncDispose]();
  const file = new DatabaseSync(path);
  file.exec('PRAGMA user_version = 9999');
  file.close();
  await expect(openStore({ path })).rejects.toMatchObject({
    code: 'STATE_NEWER',
    hint: expect.stringContaining('update upriver'),
  });
});

test('a closed store says so', async () => {
  const store = await openStore({ path: newPath() });
  await store[Symbol.asyncDispose]();
  await expect(store.getRun('r')).rejects.toMatchObject({ code: 'STATE_CLOSED' });
});

function openFile(path: string): DatabaseSync {
  mkdirSync(dirname(path), { recursive: true });
  return new DatabaseSync(path);
}

function thrownBy(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  throw new Error('it should have thrown');
}
