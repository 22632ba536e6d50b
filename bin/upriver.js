#!/usr/bin/env node
/** Starts upriver on a Node that is new enough: this one, or the one that the project brings (`npm install node`). */
// Plain JavaScript of 2022: it must run on any Node from 18 on.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import v8 from 'node:v8';

const MAJOR = 24;
// Left alone, V8 lets a worker under load have 300 MB of garbage before it looks: a young generation of 100 MB, an old one of
// four times what is alive. Looking sooner costs some 10 % more CPU.
const V8_FLAGS = ['--max-semi-space-size=16'];
// V8's own, set while it runs: a Node without it complains, and takes more memory.
const HEAP_GROWTH = '--heap-growing-percent=50';
const ENV = {
  // Each running DuckDB statement holds one of Node's background threads, of which there are four unless told otherwise.
  UV_THREADPOOL_SIZE: '16',
  // Buffers are freed by another thread than the one that got them; glibc would keep a pool of free memory for each.
  MALLOC_ARENA_MAX: '2',
  // Given, it stays what it is: glibc would raise it to the largest buffer that was freed, and keep all below.
  MALLOC_MMAP_THRESHOLD_: '131072',
  MALLOC_TRIM_THRESHOLD_: '131072',
  ...process.env,
};
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const newer = majorOf(process.versions.node) >= MAJOR ? null : findNode([ROOT, process.cwd()]);
if (majorOf(process.versions.node) >= MAJOR) {
  if (!isTuned()) beginAgain();
  await runHere();
} else if (newer) runOn(newer);
else refuse();

function isTuned() {
  return V8_FLAGS.every((flag) => process.execArgv.includes(flag));
}

/** As the same process: the settings have to be there before Node is. Not where there is a channel to a parent, which it would cost. */
function beginAgain() {
  if (!process.execve || process.connected) return;
  const args = [...process.execArgv, ...V8_FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  process.execve(process.execPath, [process.execPath, ...args], ENV);
}

/** A checkout runs from its sources; the package has them compiled, as Node strips no types under node_modules. */
async function runHere() {
  v8.setFlagsFromString(HEAP_GROWTH);
  dieWithLauncher();
  quietExperimental();
  keepCompiled();
  const source = join(ROOT, 'src/cli/main.ts');
  await import(pathToFileURL(existsSync(source) ? source : join(ROOT, 'dist/src/cli/main.js')).href);
}

/** What is compiled, and stripped of its types, is there the next time: it starts a third sooner, and with 30 MB less. */
function keepCompiled() {
  let base = process.env.XDG_CACHE_HOME;
  try {
    base ||= join(homedir(), '.cache');
  } catch {
    // A container's user may have no name, and so no home.
    return;
  }
  const dir = join(base, 'upriver', 'compiled');
  // In the environment for the threads, each of which would load the stripper of types.
  process.env.NODE_COMPILE_CACHE ??= dir;
  module.enableCompileCache(process.env.NODE_COMPILE_CACHE);
  // Also of a worker that is killed in the end.
  setTimeout(() => module.flushCompileCache(), 10_000).unref();
}

/** In each directory and those above it, as Node itself looks for packages. */
function findNode(starts) {
  for (const start of starts) {
    for (let dir = start; ; dir = dirname(dir)) {
      const home = join(dir, 'node_modules/node');
      const program = join(home, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      if (existsSync(program) && majorOf(versionOf(home)) >= MAJOR) return program;
      if (dir === dirname(dir)) break;
    }
  }
  return null;
}

function versionOf(packageDir) {
  return JSON.parse(readFileSync(join(packageDir, 'package.json'), 'utf8')).version;
}

function majorOf(version) {
  return Number(version.split('.')[0]);
}

/** The same program on another Node. It gets our terminal and our signals, and we leave as it leaves. */
function runOn(node) {
  const args = [...V8_FLAGS, fileURLToPath(import.meta.url), ...process.argv.slice(2)];
  const child = spawn(node, args, { env: ENV, stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
  // A terminal sends Ctrl-C to both of us; twice would mean "at once".
  const terminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  const forward = (signal) => (signal === 'SIGINT' && terminal ? undefined : child.kill(signal));
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, forward);
  child.on('error', (error) => {
    process.stderr.write(`CONFIG_NODE_TOO_OLD  ${node} cannot be started: ${error.message}\n`);
    process.exit(2);
  });
  child.on('exit', (code, signal) => {
    if (signal === null) process.exit(code);
    process.removeAllListeners(signal);
    process.kill(process.pid, signal);
  });
}

/** Killing the launcher must not leave a worker behind that nobody sees. */
function dieWithLauncher() {
  if (!process.connected) return;
  process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
  process.channel.unref();
}

/** Early releases of Node 24 call SQLite and type stripping experimental. Whoever moves rows need not hear of it. */
function quietExperimental() {
  const [show] = process.listeners('warning');
  process.removeAllListeners('warning');
  process.on('warning', (warning) => warning.name !== 'ExperimentalWarning' && show?.(warning));
}

function refuse() {
  const message = `upriver needs Node ${MAJOR} or newer; this is ${process.version}`;
  const hint = `Install it from https://nodejs.org, or into this project: npm install --save-dev node@${MAJOR}`;
  const error = { code: 'CONFIG_NODE_TOO_OLD', message, hint, file: null, line: null, column: null };
  if (process.argv.includes('--json')) process.stdout.write(`${JSON.stringify({ errors: [error] }, null, 2)}\n`);
  else process.stderr.write(`${error.code}  ${message}\n  → ${hint}\n`);
  process.exitCode = 2;
}
