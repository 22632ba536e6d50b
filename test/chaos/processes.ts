/** The parts that chaos kills, each a real process: the practice HubSpot, a Temporal server, workers. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import type { ReadableStream } from 'node:stream/web';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import type { SandboxState } from '../../src/sandbox/sandbox.ts';
import type { DealReport } from '../../src/sandbox/deals.ts';
import type { SettingsInput } from '../../src/sandbox/settings.ts';
import { addressOf, choosePort, isAlive, spawnDevServer } from '../../src/temporal/dev-server.ts';
import { requireTemporalBinary } from '../../src/temporal/server-binary.ts';
import { MALLOC_ENV, V8_FLAGS } from '../helpers/launch-settings.ts';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
/** What a supervisor such as systemd waits before it starts a program again. */
const RESTART_MS = 200;

export interface Api extends AsyncDisposable {
  url: string;
  state(): Promise<SandboxState>;
  deals(): AsyncGenerator<DealReport>;
  set(settings: SettingsInput): Promise<void>;
}

/** The practice HubSpot: it outlives everything else, since it is the referee. */
export async function startApi(deals: number, settings: SettingsInput): Promise<Api> {
  const args = ['--deals', String(deals), '--settings', JSON.stringify(settings), '--with-parent'];
  const child = spawn(process.execPath, [...quiet, join(ROOT, 'src/sandbox/main.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  const ask = async (path: string, init?: RequestInit) => {
    const reply = await fetch(`${url}/_sandbox${path}`, init);
    if (!reply.ok) throw new Error(`the practice HubSpot said ${reply.status}: ${await reply.text()}`);
    return reply;
  };
  return {
    url,
    state: async () => (await ask('/state')).json() as Promise<SandboxState>,
    async *deals() {
      const { body } = await ask('/deals');
      const input = Readable.fromWeb(body as ReadableStream);
      for await (const line of createInterface({ input })) yield JSON.parse(line) as DealReport;
    },
    set: async (change) => void (await ask('/settings', { method: 'PUT', body: JSON.stringify(change) })),
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

const quiet = ['--disable-warning=ExperimentalWarning'];

export interface TemporalServer extends AsyncDisposable {
  address: string;
  /** kill -9, and up again on the same file after `downMs`. */
  crash(downMs: number): Promise<void>;
}

export async function startTemporal(dir: string): Promise<TemporalServer> {
  const { path: binary } = await requireTemporalBinary();
  const stateDir = join(dir, 'temporal');
  await mkdir(stateDir);
  const ports = { port: await choosePort(0), uiPort: await choosePort(0) };
  let server = spawnDevServer(binary, stateDir, ports);
  await server.ready;
  const kill = async () => {
    process.kill(server.pid, 'SIGKILL');
    while (isAlive(server.pid)) await sleep(10);
  };
  return {
    address: addressOf(ports),
    async crash(downMs) {
      await kill();
      await sleep(downMs);
      server = spawnDevServer(binary, stateDir, ports);
      await server.ready;
    },
    [Symbol.asyncDispose]: kill,
  };
}

export interface WorkerOptions {
  dir: string;
  name: string;
  env: Record<string, string>;
}

/** `upriver worker` under a supervisor that starts it again whenever and however it ended. */
export class SupervisedWorker {
  readonly #options: WorkerOptions;
  readonly #log: number;
  #child: ChildProcess;
  #stopping = false;
  #started: () => void = () => {};

  constructor(options: WorkerOptions) {
    this.#options = options;
    this.#log = openSync(join(options.dir, `${options.name}.log`), 'a');
    this.#child = this.#spawn();
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Sends the signal; resolves with how the process ended and how long that took, as it is started again. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<{ code: number | null; ms: number }> {
    const child = this.#child;
    const begin = performance.now();
    const started = new Promise<void>((resolve) => {
      this.#started = resolve;
    });
    child.kill(signal);
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    const ms = performance.now() - begin;
    await started;
    return { code: child.exitCode, ms };
  }

  async freeze(ms: number): Promise<void> {
    const child = this.#child;
    child.kill('SIGSTOP');
    await sleep(ms);
    child.kill('SIGCONT');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stopping = true;
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'exit');
    closeSync(this.#log);
  }

  #spawn(): ChildProcess {
    const { dir, env } = this.#options;
    const child = spawn(process.execPath, [...V8_FLAGS, join(ROOT, 'bin/upriver.js'), 'worker', '--project', dir], {
      env: { ...MALLOC_ENV, ...process.env, ...env },
      // The channel: a worker that loses us ends, so that nothing outlives a harness that is killed itself.
      stdio: ['ignore', this.#log, this.#log, 'ipc'],
    });
    child.once('exit', () => void this.#restart());
    return child;
  }

  async #restart(): Promise<void> {
    await sleep(RESTART_MS);
    if (this.#stopping) return;
    this.#child = this.#spawn();
    this.#started();
  }
}
