/** The bundle of the real workflows, built once and kept. */
import { mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { workflowBundle } from '../../../src/temporal/bundle.ts';

let cache: string;

beforeEach(async () => {
  cache = await mkdtemp(join(tmpdir(), 'upriver-bundle-'));
});

afterEach(() => rm(cache, { recursive: true, force: true }));

test('is built once, outside the checkout, and then found', async () => {
  const env = { XDG_CACHE_HOME: cache };
  const { codePath } = await workflowBundle(env);
  expect(codePath.startsWith(cache)).toBe(true);
  await writeFile(codePath, 'kept');
  expect(await workflowBundle(env)).toEqual({ codePath });
  expect(await readFile(codePath, 'utf8')).toBe('kept');
});

test('those that nobody built for a week go', async () => {
  const env = { XDG_CACHE_HOME: cache };
  const { codePath } = await workflowBundle(env);
  const old = join(codePath, '..', 'old.js');
  await writeFile(old, '');
  await utimes(old, 0, 0);
  await rm(codePath);
  await workflowBundle(env);
  expect(await readdir(join(codePath, '..'))).toEqual([codePath.split('/').at(-1)]);
});
