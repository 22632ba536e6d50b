/** What `npm pack` gives, installed somewhere else: it starts, checks a project and runs a river, with no build step. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

const run = promisify(execFile);
const ROOT = fileURLToPath(new URL('../..', import.meta.url));
const { version } = createRequire(import.meta.url)('../../package.json') as { version: string };
const INSTALL_MS = 300_000;

let home: string;
let project: string;

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'upriver-package-'));
  await run('npm', ['pack', '--pack-destination', home], { cwd: ROOT });
  await writeFile(join(home, 'package.json'), '{"private":true}');
  await run('npm', ['install', '--prefer-offline', '--no-audit', '--no-fund', `./upriver-${version}.tgz`], {
    cwd: home,
  });
  project = join(home, 'project');
  await mkdir(join(project, 'rivers'), { recursive: true });
  await writeFile(
    join(project, 'connections.yaml'),
    'warehouse: { type: duckdb, path: warehouse.duckdb, create: true }\n',
  );
  await writeFile(
    join(project, 'rivers/tiny.yaml'),
    `name: tiny
variables:
  n: {}
steps:
  - { id: one, type: sql, connection: warehouse, query: select 41 + 1 as n, target: { variable: n } }
`,
  );
}, INSTALL_MS);

afterAll(() => rm(home, { recursive: true, force: true, maxRetries: 10 }));

async function upriver(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  const program = join(home, 'node_modules/.bin', process.platform === 'win32' ? 'upriver.cmd' : 'upriver');
  return await run(program, args, { cwd: project });
}

test('says its version', async () => {
  expect(await upriver('--version')).toEqual({ stdout: `${version}\n`, stderr: '' });
});

test('checks a project, and refuses a wrong one', async () => {
  await upriver('validate');
  await writeFile(join(project, 'rivers/wrong.yaml'), 'name: wrong\nsteps: []\n');
  await expect(upriver('validate')).rejects.toMatchObject({ code: 2, stderr: expect.stringContaining('wrong.yaml:2') });
  await rm(join(project, 'rivers/wrong.yaml'));
});

test('runs a river with the workflows that it carries', async () => {
  const { stdout } = await upriver('run', 'tiny', '--json');
  expect(JSON.parse(stdout)).toMatchObject({ river: 'tiny', status: 'succeeded', error: null });
});

test('starts a new project', async () => {
  await upriver('init', 'fresh');
  expect((await upriver('validate', '--project', 'fresh')).stdout).toMatch(/^Fine: 1 river/);
});

test('carries the examples, ready to run', async () => {
  for (const example of ['trial-deals', 'trial-deals-postgres']) {
    const dir = join(home, 'node_modules/upriver/examples', example);
    expect((await upriver('validate', '--project', dir)).stdout).toMatch(
      /^Fine: [12] rivers?, 1 action, 2 connections/,
    );
  }
});
