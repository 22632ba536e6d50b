/** Resolves secret references in the worker's environment and file system, when they are used. */
import { readFile } from 'node:fs/promises';
import { resolve as resolvePath } from 'node:path';
import type { ConnectionPlan, Json, Reference } from '../contracts/plan.ts';
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

/** Every `{ env: NAME }` and `{ file: PATH }` in these connections. */
export function referencesOf(connections: Iterable<ConnectionPlan>): Reference[] {
  return [...connections].flatMap((connection) => referencesIn(connection as unknown as Json));
}

function referencesIn(value: Json): Reference[] {
  if (typeof value !== 'object' || value === null) return [];
  if (Array.isArray(value)) return value.flatMap(referencesIn);
  const { env, file, ...others } = value;
  if (Object.keys(others).length === 0 && typeof env === 'string' && file === undefined) return [{ env }];
  if (Object.keys(others).length === 0 && typeof file === 'string' && env === undefined) return [{ file }];
  return Object.values(value).flatMap(referencesIn);
}
