/** Where the Temporal CLI is looked for, with stand-in programs on PATH: no download here. */
import { chmod, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { requireTemporalBinary, searchTemporalBinary } from '../../../src/temporal/server-binary.ts';

let root: string;
let env: NodeJS.ProcessEnv;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'upriver-binary-'));
  env = { PATH: join(root, 'bin'), XDG_CACHE_HOME: join(root, 'cache'), HOME: root };
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function program(path: string, output: string): Promise<string> {
  await mkdir(join(path, '..'), { recursive: true });
  await writeFile(path, `#!/bin/sh\necho '${output}'\n`);
  await chmod(path, 0o755);
  return path;
}

test('PATH comes before the cache', async () => {
  const path = await program(join(root, 'bin', 'temporal'), 'temporal version 1.5.0 (Server 1.29.0, UI 2.40.0)');
  await program(join(root, 'cache/upriver/temporal-cli/temporal'), 'temporal version 1.9.1 (Server 1.32.0)');
  const { binary } = await searchTemporalBinary({ env, install: false });
  expect(binary).toEqual({ path, version: '1.5.0', source: 'PATH' });
});

test('one that is too old is passed over, and said so', async () => {
  await program(join(root, 'bin', 'temporal'), 'temporal version 1.3.9 (Server 1.27.0)');
  const path = await program(join(root, 'cache/upriver/temporal-cli/temporal'), 'temporal version 1.9.1');
  const { binary, tried } = await searchTemporalBinary({ env, install: false });
  expect(binary).toEqual({ path, version: '1.9.1', source: 'cache' });
  expect(tried[0]).toMatchObject({ source: 'PATH', found: false });
  expect(tried[0]?.detail).toMatch(/is version 1\.3\.9; at least 1\.4 is needed/);
});

test('a program of the same name that is no Temporal CLI is passed over', async () => {
  await program(join(root, 'bin', 'temporal'), 'hello');
  const { binary, tried } = await searchTemporalBinary({ env, install: false });
  expect(binary).toBeNull();
  expect(tried.map((attempt) => attempt.source)).toEqual(['PATH', 'cache']);
});

test('a named one that is not there is an error, whatever else there is', async () => {
  await program(join(root, 'bin', 'temporal'), 'temporal version 1.9.1');
  const named = { ...env, TEMPORAL_CLI_PATH: join(root, 'nowhere') };
  await expect(requireTemporalBinary({ env: named })).rejects.toMatchObject({
    code: 'CONFIG_NO_TEMPORAL',
    message: expect.stringMatching(/TEMPORAL_CLI_PATH: .*nowhere/),
    hint: expect.stringMatching(/TEMPORAL_CLI_PATH/),
  });
});
