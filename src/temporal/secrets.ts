/** Resolves secret references in the worker's environment and file system, when they are used. */
import { readFile } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import { UpriverError } from '../core/errors.ts';
import type { SecretResolver } from '../core/secrets.ts';

export interface SecretSources {
  env: Readonly<Record<string, string | undefined>>;
  /** Relative `file:` references start here. */
  projectDir: string;
}

export function createSecretResolver(sources: SecretSources): SecretResolver {
  return {
    resolve: (reference) =>
      'env' in reference ? fromEnvironment(sources, reference.env) : fromFile(sources, reference.file),
  };
}

async function fromEnvironment({ env }: SecretSources, name: string): Promise<string> {
  const value = env[name];
  if (value) return value;
  throw new UpriverError(
    'CONFIG_SECRET_MISSING',
    `the environment variable ${name} is ${value === '' ? 'empty' : 'not set'}`,
    {
      hint: `Set ${name} where the worker runs, or point the connection at another { env: … } or { file: … }.`,
      context: { env: name },
    },
  );
}

async function fromFile({ projectDir }: SecretSources, path: string): Promise<string> {
  const text = await readFile(resolvePath(projectDir, path), 'utf8').catch((cause) => {
    throw missingFile(path, `cannot be read (${(cause as NodeJS.ErrnoException).code ?? 'unknown error'})`, cause);
  });
  const value = text.replace(/\r?\n$/, '');
  if (value) return value;
  throw missingFile(path, 'is empty');
}

function missingFile(path: string, what: string, cause?: unknown): UpriverError {
  return new UpriverError('CONFIG_SECRET_MISSING', `the secret file ${path} ${what}`, {
    hint: 'Put the secret into that file on the machine where the worker runs, readable by its user (relative paths start at the project folder).',
    context: { file: path },
    cause,
  });
}
