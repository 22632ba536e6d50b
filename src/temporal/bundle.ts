/** The workflow bundle: prebuilt in the package; built from the sources in a checkout, and kept until one of them changes. */
import { createHash } from 'node:crypto';
import { access, glob, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, type Logger, type WorkflowBundlePath } from '@temporalio/worker';
import { cacheDir } from './cache-dir.ts';

/** Of a checkout, or `dist/` of the package. */
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** Written by `prepack`; a checkout has none. */
export const PREBUILT = join(ROOT, 'workflow-bundle.js');
/** Everything that a workflow may import (see .dependency-cruiser.cjs), and what pins the packages' versions. */
const INPUTS = ['workflows/**/*.ts', 'src/core/**/*.ts', 'src/contracts/**/*.ts', 'package-lock.json'];
const KEEP_MS = 7 * 24 * 3_600_000;

export interface BundleOptions {
  logger: Logger;
  env?: NodeJS.ProcessEnv;
}

/** Path of a bundle of these workflows. Building takes some 2 s, the first time after a change. */
export async function workflowBundle(options: BundleOptions): Promise<WorkflowBundlePath> {
  if (await exists(PREBUILT)) return { codePath: PREBUILT };
  const dir = join(cacheDir(options.env), 'bundles');
  const codePath = join(dir, `${await hashInputs()}.js`);
  if (await exists(codePath)) return { codePath };
  await mkdir(dir, { recursive: true });
  await writeWhole(codePath, await buildBundle(options.logger));
  await dropOld(dir);
  return { codePath };
}

/** The bundle's code. It names no path of this machine, and is the same wherever it is built. */
export async function buildBundle(logger: Logger, workflowsPath = join(ROOT, 'workflows/index.ts')): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    logger,
    webpackConfigHook: (config) => ({
      ...config,
      context: ROOT,
      output: { ...config.output, devtoolModuleFilenameTemplate: '[resource-path]' },
    }),
  });
  return withoutPaths(code);
}

/** Webpack leaves some absolute paths in the inline source map. */
function withoutPaths(code: string): string {
  return code.replace(/(?<=;base64,)[A-Za-z0-9+/=]+(?=\s*$)/, (map) =>
    Buffer.from(Buffer.from(map, 'base64').toString().replaceAll(ROOT, '')).toString('base64'),
  );
}

async function hashInputs(): Promise<string> {
  const hash = createHash('sha256');
  const files = await Array.fromAsync(glob(INPUTS, { cwd: ROOT }));
  for (const file of files.sort()) hash.update(`${file}\n`).update(await readFile(join(ROOT, file)));
  return hash.digest('hex').slice(0, 32);
}

/** Two processes at once both end with a whole file. */
async function writeWhole(path: string, text: string): Promise<void> {
  const fresh = `${path}.${process.pid}`;
  await writeFile(fresh, text);
  await rename(fresh, path);
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
