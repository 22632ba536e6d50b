/** Secrets are read where they are kept, and a missing one is named without showing any. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createSecretResolver } from '../../../src/temporal/secrets.ts';

describe('secrets', () => {
  let projectDir: string;
  beforeEach(async () => {
    projectDir = await mkdtemp(join(tmpdir(), 'upriver-secrets-'));
  });
  afterEach(() => rm(projectDir, { recursive: true }));

  test('from the environment, as it is now', async () => {
    const env: Record<string, string> = { TOKEN: 'a' };
    const secrets = createSecretResolver({ env, projectDir });
    expect(await secrets.resolve({ env: 'TOKEN' })).toBe('a');
    env.TOKEN = 'b';
    expect(await secrets.resolve({ env: 'TOKEN' })).toBe('b');
  });

  test('from a file beside the project or anywhere, without its last line break', async () => {
    await writeFile(join(projectDir, 'unix'), 'line 1\nline 2 \n');
    await writeFile(join(projectDir, 'windows'), 'secret\r\n');
    const secrets = createSecretResolver({ env: {}, projectDir });
    expect(await secrets.resolve({ file: 'unix' })).toBe('line 1\nline 2 ');
    expect(await secrets.resolve({ file: join(projectDir, 'windows') })).toBe('secret');
  });

  test.each([
    [{ env: 'NONE' }, 'the environment variable NONE is not set'],
    [{ env: 'EMPTY' }, 'the environment variable EMPTY is empty'],
    [{ file: 'none' }, 'the secret file none cannot be read (ENOENT)'],
    [{ file: 'empty' }, 'the secret file empty is empty'],
    [{ file: '.' }, 'the secret file . cannot be read (EISDIR)'],
  ])('%j is missing', async (reference, message) => {
    await writeFile(join(projectDir, 'empty'), '\n');
    const secrets = createSecretResolver({ env: { EMPTY: '', OTHER: 'v4lue' }, projectDir });
    await expect(secrets.resolve(reference)).rejects.toMatchObject({ code: 'CONFIG_SECRET_MISSING', message });
  });
});
