/** Runs the real command line as child processes, on real projects in folders of their own. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const NODE = join(ROOT, 'node_modules', '.bin', 'node');
const UPRIVER = join(ROOT, 'bin', 'upriver.js');

export interface Ended {
  code: number | null;
  stdout: string;
  stderr: string;
}

export interface Running {
  child: ChildProcess;
  ended: Promise<Ended>;
  /** What stdout and stderr have so far. */
  output(): string;
  /** Resolves when stdout or stderr has this; rejects if the process ends without. */
  says(text: string | RegExp): Promise<void>;
}

export interface TestProject extends AsyncDisposable {
  dir: string;
  /** Starts `upriver …` in the project's folder. */
  start(...args: string[]): Running;
  /** The same, awaited. */
  upriver(...args: string[]): Promise<Ended>;
  write(files: Record<string, string>): Promise<void>;
  read(name: string): Promise<string>;
  env: Record<string, string>;
}

/** A project of these files; disposing kills what it left running and deletes it. */
export async function makeProject(
  files: Record<string, string>,
  env: Record<string, string> = {},
): Promise<TestProject> {
  const dir = await mkdtemp(join(tmpdir(), 'upriver-cli-'));
  const children: ChildProcess[] = [];
  const project: TestProject = {
    dir,
    env,
    start(...args) {
      const running = startCli(dir, args, project.env);
      children.push(running.child);
      return running;
    },
    upriver: (...args) => project.start(...args).ended,
    write: (more) => writeFiles(dir, more),
    read: (name) => readFile(join(dir, name), 'utf8'),
    async [Symbol.asyncDispose]() {
      for (const child of children) if (child.exitCode === null) child.kill('SIGKILL');
      await killServer(dir);
      await rm(dir, { recursive: true, force: true, maxRetries: 5 });
    },
  };
  await writeFiles(dir, files);
  return project;
}

async function writeFiles(dir: string, files: Record<string, string>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(dir, name)), { recursive: true });
    await writeFile(join(dir, name), text);
  }
}

function startCli(dir: string, args: string[], env: Record<string, string>): Running {
  const child = spawn(NODE, [UPRIVER, ...args], { cwd: dir, env: { ...cleanEnvironment(), ...env } });
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  const ended = once(child, 'close').then(([code]): Ended => ({ code: code as number | null, stdout, stderr }));
  const output = () => stdout + stderr;
  const says = (text: string | RegExp) =>
    new Promise<void>((resolve, reject) => {
      const look = () => {
        if (typeof text === 'string' ? output().includes(text) : text.test(output())) resolve();
      };
      child.stdout.on('data', look);
      child.stderr.on('data', look);
      void ended.then(() => reject(new Error(`it ended without saying ${text}:\n${output()}`)));
      look();
    });
  return { child, ended, output, says };
}

/** Without what would change how the command line behaves. */
function cleanEnvironment(): NodeJS.ProcessEnv {
  const {
    TEMPORAL_ADDRESS: _address,
    NO_COLOR: _noColor,
    FORCE_COLOR: _color,
    NODE_OPTIONS: _options,
    ...rest
  } = process.env;
  return rest;
}

/** A killed host leaves its server, for the next host to adopt. */
async function killServer(dir: string): Promise<void> {
  const text = await readFile(join(dir, '.upriver', 'temporal.json'), 'utf8').catch(() => null);
  if (text === null) return;
  const { pid } = JSON.parse(text) as { pid: number };
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended.
  }
}

/** Waits until `probe` gives something. Fails with the test's own time-out. */
export async function until<T>(
  probe: () => T | null | undefined | false | Promise<T | null | undefined | false>,
): Promise<T> {
  for (;;) {
    const found = await probe();
    if (found) return found;
    await new Promise((done) => setTimeout(done, 50));
  }
}

/** A river that sends `rows` deals to the practice HubSpot, one PATCH each. Deal ids begin at 1. */
export function dealsProject(
  hubspotUrl: string,
  river: { rows: number; loop?: string; river?: string },
): Record<string, string> {
  return {
    'connections.yaml': `
warehouse: { type: duckdb, path: ':memory:' }
hubspot:
  type: http
  base_url: ${hubspotUrl}
  auth: { type: bearer, token: { env: HUBSPOT_TOKEN } }
`,
    'actions/deal-update.yaml': `
name: deal-update
connection: hubspot
inputs: [deal_id, amount]
request:
  method: PATCH
  path: /crm/v3/objects/deals/{deal_id}
  body: { properties: { amount: '{amount}' } }
`,
    'rivers/deals.yaml': `
name: deals
inputs:
  add: { type: integer, default: 1 }
variables:
  deals: { multiple: true }
${river.river ?? ''}
steps:
  - id: read
    type: sql
    connection: warehouse
    query: select n as deal_id, n + {add} as amount from range(1, ${river.rows} + 1) t(n)
    target: { variable: deals }
  - id: each
    type: loop
    over: deals
    as: [deal_id, amount]
    key: [deal_id]
    ${river.loop ?? 'send: all'}
    steps:
      - { id: update, type: action, action: deal-update, inputs: { deal_id: '{deal_id}', amount: '{amount}' } }
`,
  };
}
