/** The workflow bundle: prebuilt in the package; built from the sources in a checkout, and kept until one of them changes. */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { access, glob, mkdir, readFile, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import type { WorkflowBundlePath } from '@temporalio/worker';
import { cacheDir } from './cache-dir.ts';

/** Of a checkout, or `dist/` of the package. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Written by `prepack`; a checkout has none. */
export const PREBUILT = join(ROOT, 'workflow-bundle.js');
/** Everything that a workflow may import (see .dependency-cruiser.cjs), how it is built, and what pins the packages' versions. */
const INPUTS = [
  'workflows/**/*.ts',
  'src/core/**/*.ts',
  'src/contracts/**/*.ts',
  'src/temporal/build-bundle.ts',
  'package-lock.json',
];
const BUILDER = join(ROOT, 'src/temporal/build-bundle-main.ts');
const KEEP_MS = 7 * 24 * 3_600_000;

/** Path of a bundle of these workflows. Building takes some 2 s, the first time after a change. */
export async function workflowBundle(env?: NodeJS.ProcessEnv): Promise<WorkflowBundlePath> {
  if (await exists(PREBUILT)) return { codePath: PREBUILT };
  const dir = join(cacheDir(env), 'bundles');
  const codePath = join(dir, `${await hashInputs()}.js`);
  if (await exists(codePath)) return { codePath };
  await mkdir(dir, { recursive: true });
  await build(codePath);
  await dropOld(dir);
  return { codePath };
}

/** In a process of its own: webpack needs 200 MB, which a worker would keep. */
async function build(codePath: string): Promise<void> {
  const fresh = `${codePath}.${process.pid}`;
  await promisify(execFile)(process.execPath, [BUILDER, fresh]);
  // Two processes at once both end with a whole file.
  await rename(fresh, codePath);
}

async function hashInputs(): Promise<string> {
  const hash = createHash('sha256');
  const files = await Array.fromAsync(glob(INPUTS, { cwd: ROOT }));
  for (const file of files.sort()) hash.update(`${file}\n`).update(await readFile(join(ROOT, file)));
  return hash.digest('hex').slice(0, 32);
}

async function dropOld(dir: string): Promise<void> {
  for await (const name of glob('*', { cwd: dir })) {
    const file = join(dir, name);
    const { mtimeMs } = await stat(file);
    if (mtimeMs < Date.now() - KEEP_MS) await rm(file, { force: true });
  }
}

function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}
