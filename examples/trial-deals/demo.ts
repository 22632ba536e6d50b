/** `npm run demo`: the walkthrough from beginning to end, with the real command line, on this machine alone. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { DuckDBInstance } from '@duckdb/node-api';

const HERE = import.meta.dirname;
const ROOT = join(HERE, '..', '..');
const DATA = join(HERE, 'data');
/** Exit code of a run in which some rows were refused, within what the river tolerates. */
const PARTIAL = 3;

const { values: options } = parseArgs({ options: { keep: { type: 'boolean', default: false } } });

heading('1. A warehouse: 620 deals, 5,246 executions of 620 accounts');
await seed();
heading('2. A practice HubSpot: its API, its limit of 190 requests in 10 s, its answers');
await using hubspot = await startHubspot();
say(`It listens on ${hubspot.url}. Four of the 500 deals are not in it.`);

heading('3. The river: usage of trial accounts → their deals, row by row');
await upriver(['run', 'trial-deals'], PARTIAL);

heading('4. Which rows did not get through, and why');
await upriver(['rows', 'last', '--outcome', 'rejected,failed,unknown'], 0);

heading('5. The same again: only what changed is sent, and nothing did');
await upriver(['run', 'trial-deals'], PARTIAL);

heading('6. What HubSpot saw');
const seen = await hubspot.counts();
say(`${seen.requests} requests, ${seen.refused} of them refused for the limit; ${seen.deals} deals changed.`);

heading('What to try next');
say(`cd examples/trial-deals
npx upriver runs                                  both runs
npx upriver show last                             the last one, step by step
npx upriver rows last --format csv > rows.csv     every row with its outcome
npx upriver validate                              after a change in rivers/trial-deals.yaml
npm run demo -- --keep                            this again, with Temporal's UI left up`);
if (options.keep) await keepUp();

/** Starts anew: what an earlier demo left is removed. */
async function seed(): Promise<void> {
  await rm(DATA, { recursive: true, force: true });
  await rm(join(HERE, '.upriver'), { recursive: true, force: true });
  await mkdir(DATA);
  const instance = await DuckDBInstance.create(join(DATA, 'warehouse.duckdb'));
  const connection = await instance.connect();
  await connection.run(`attach '${join(DATA, 'internal.duckdb').replaceAll("'", "''")}' as INTERNAL`);
  await connection.run(await readFile(join(HERE, 'sql', 'seed.sql'), 'utf8'));
  connection.closeSync();
  instance.closeSync();
  say('INTERNAL.ODS.HUBSPOT_DEALS and INTERNAL.ODS.RIVER_EXECUTIONS are in data/internal.duckdb (DuckDB).');
}

/** In a session of its own, so that Ctrl-C stops the river first; it ends with this process. */
async function startHubspot() {
  const args = ['--with-parent', '--deals', '620', '--first-id', '7000000001'];
  const child = spawn(process.execPath, [join(ROOT, 'src/sandbox/main.ts'), ...args], {
    stdio: ['pipe', 'pipe', 'inherit'],
    detached: true,
  });
  const [line] = (await once(createInterface(child.stdout), 'line')) as [string];
  const { url } = JSON.parse(line) as { url: string };
  return {
    url,
    counts: async () => {
      const state = (await (await fetch(`${url}/_sandbox/state`)).json()) as SandboxState;
      return { requests: state.requests, refused: state.byStatus['429'] ?? 0, deals: state.deals.applied };
    },
    async [Symbol.asyncDispose]() {
      child.stdin.end();
      if (child.exitCode === null) await once(child, 'exit');
    },
  };
}

interface SandboxState {
  requests: number;
  byStatus: Record<string, number>;
  deals: { applied: number };
}

/** The real command line, with its real output. */
async function upriver(args: string[], expected: number): Promise<void> {
  say(`$ upriver ${args.join(' ')}\n`);
  const code = await child(args);
  if (code === expected) return;
  say(`\nThe demo stops here: upriver ended with exit code ${code}, not ${expected}.`);
  process.exit(code === 0 ? 1 : code);
}

async function child(args: string[]): Promise<number> {
  const env = { ...process.env, HUBSPOT_BASE_URL: hubspot.url, HUBSPOT_TOKEN: 'practice' };
  const running = spawn(process.execPath, [join(ROOT, 'bin/upriver.js'), ...args, '--project', HERE], {
    stdio: 'inherit',
    env,
  });
  // Ctrl-C reaches the command too, which ends in order and says so.
  const ignore = () => {};
  process.on('SIGINT', ignore);
  const [code] = (await once(running, 'exit')) as [number | null];
  process.off('SIGINT', ignore);
  return code ?? 1;
}

/** Temporal's UI, with both runs in it, until Ctrl-C. */
async function keepUp(): Promise<void> {
  heading('Temporal’s UI, until Ctrl-C');
  await child(['dev']);
}

function heading(text: string): void {
  say(`\n── ${text} ──`);
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}
