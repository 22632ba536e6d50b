/** The launcher, with a program of its own to start: on this Node, on the project's, and with none that is new enough. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { isAlive } from '../../src/temporal/dev-server.ts';
import { MALLOC_ENV, V8_FLAGS } from '../helpers/launch-settings.ts';

const LAUNCHER = fileURLToPath(new URL('../../bin/upriver.js', import.meta.url));
/** Makes a process take itself for an older Node. */
const OLD =
  'data:text/javascript,Object.defineProperty(process,"versions",{value:{...process.versions,node:"20.9.0"}})';

const PROGRAM = `
import 'node:sqlite';
const [what]: string[] = process.argv.slice(2);
process.on('SIGINT', () => process.exit(130));
process.on('SIGTERM', () => process.exit(143));
console.log(JSON.stringify({ pid: process.pid, args: process.argv.slice(2), flags: process.execArgv, malloc: process.env.MALLOC_TRIM_THRESHOLD_ }));
if (what === 'stay') setInterval(() => {}, 1000);
if (what === 'die') process.kill(process.pid, 'SIGKILL');
if (what === 'fail') process.exitCode = 3;
`;

let root: string;

beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'upriver-launcher-'));
  await mkdir(join(root, 'bin'));
  await mkdir(join(root, 'src/cli'), { recursive: true });
  await writeFile(join(root, 'package.json'), '{"type":"module"}');
  await writeFile(join(root, 'src/cli/main.ts'), PROGRAM);
  await copyFile(LAUNCHER, join(root, 'bin/upriver.js'));
});

afterEach(() => rm(root, { recursive: true, force: true }));

async function bringNode(version: string): Promise<void> {
  await mkdir(join(root, 'node_modules/node/bin'), { recursive: true });
  await writeFile(join(root, 'node_modules/node/package.json'), JSON.stringify({ version }));
  await symlink(process.execPath, join(root, 'node_modules/node/bin/node'));
}

interface Launched {
  child: ChildProcess;
  ended: Promise<{ code: number | null; signal: string | null; stdout: string; stderr: string }>;
}

function launch(args: string[], flags: string[] = []): Launched {
  const child = spawn(process.execPath, [...flags, join(root, 'bin/upriver.js'), ...args], {
    cwd: root,
    env: { ...process.env, NODE_OPTIONS: '' },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const ended = (async () => {
    const [stdout, stderr, [code, signal]] = await Promise.all([
      text(child.stdout),
      text(child.stderr),
      once(child, 'close'),
    ]);
    return { code, signal, stdout, stderr };
  })();
  return { child, ended };
}

async function text(stream: NodeJS.ReadableStream): Promise<string> {
  const parts: Buffer[] = [];
  stream.on('data', (part) => parts.push(part));
  await once(stream, 'end');
  return Buffer.concat(parts).toString();
}

async function pidOf({ child }: Launched): Promise<number> {
  const [line] = await once(createInterface({ input: child.stdout as NodeJS.ReadableStream }), 'line');
  return JSON.parse(line).pid;
}

test('a Node that is new enough runs the program itself', async () => {
  const launched = launch(['run', 'a b']);
  const { code, stdout, stderr } = await launched.ended;
  expect(JSON.parse(stdout)).toEqual({
    pid: launched.child.pid,
    args: ['run', 'a b'],
    flags: V8_FLAGS,
    malloc: MALLOC_ENV.MALLOC_TRIM_THRESHOLD_,
  });
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
});

test("an older one goes on with the project's: arguments and exit code pass through", async () => {
  await bringNode('24.21.0');
  const launched = launch(['fail', 'a b'], ['--import', OLD]);
  const { code, stdout, stderr } = await launched.ended;
  expect(JSON.parse(stdout)).toMatchObject({
    args: ['fail', 'a b'],
    flags: V8_FLAGS,
    malloc: MALLOC_ENV.MALLOC_TRIM_THRESHOLD_,
  });
  expect(JSON.parse(stdout).pid).not.toBe(launched.child.pid);
  expect({ code, stderr }).toEqual({ code: 3, stderr: '' });
});

test.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const)('%s reaches the program, and its exit code comes back', async (signal, code) => {
  await bringNode('24.21.0');
  const launched = launch(['stay'], ['--import', OLD]);
  await pidOf(launched);
  launched.child.kill(signal);
  expect((await launched.ended).code).toBe(code);
});

test('the death of either is the death of both', async () => {
  await bringNode('24.21.0');
  expect((await launch(['die'], ['--import', OLD]).ended).signal).toBe('SIGKILL');
  const launched = launch(['stay'], ['--import', OLD]);
  const pid = await pidOf(launched);
  launched.child.kill('SIGKILL');
  while (isAlive(pid)) await sleep(10);
});

test.each([[[]], [['22.1.0']]])('none that is new enough: says what is needed (found: %j)', async (found) => {
  for (const version of found) await bringNode(version);
  const { code, stdout, stderr } = await launch(['run'], ['--import', OLD]).ended;
  expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
  expect(stderr).toMatch(/^CONFIG_NODE_TOO_OLD .*needs Node 24.*\n.*npm install --save-dev node@24\n$/);
});

test('none that is new enough, as JSON', async () => {
  const { code, stdout, stderr } = await launch(['run', '--json'], ['--import', OLD]).ended;
  expect({ code, stderr }).toEqual({ code: 2, stderr: '' });
  expect(JSON.parse(stdout).errors).toMatchObject([{ code: 'CONFIG_NODE_TOO_OLD' }]);
});
