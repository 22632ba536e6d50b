#!/usr/bin/env -S node --max-semi-space-size=16
/** Starts upriver on a Node that is new enough: this one, or the one that the project brings (`npm install node`). */
// Plain JavaScript of 2022: it must run on any Node from 18 on.
import { spawn } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';

const MAJOR = 24;
// V8 would let its young generation grow by 100 MB under load, for no measurable gain. (The first line says it again.)
const V8_FLAGS = ['--max-semi-space-size=16'];
// Each running DuckDB statement holds one of Node's background threads, of which there are four unless told otherwise.
process.env.UV_THREADPOOL_SIZE ??= '16';
const ROOT = dirname(dirname(fileURLToPath(import.meta.url)));

const newer = majorOf(process.versions.node) >= MAJOR ? null : findNode([ROOT, process.cwd()]);
if (majorOf(process.versions.node) >= MAJOR) await runHere();
else if (newer) runOn(newer);
else refuse();

/** A checkout runs from its sources; the package has them compiled, as Node strips no types under node_modules. */
async function runHere() {
  dieWithLauncher();
  quietExperimental();
  const source = join(ROOT, 'src/cli/main.ts');
  await import(pathToFileURL(existsSync(source) ? source : join(ROOT, 'dist/src/cli/main.js')).href);
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
  const child = spawn(node, args, { stdio: ['inherit', 'inherit', 'inherit', 'ipc'] });
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
