/** What a run costs besides its rows: warm, and from nothing with everything embedded. */
import { execFile } from 'node:child_process';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { trivialPlan } from './plans.ts';
import type { Rig } from './rig.ts';
import { median } from './table.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));

/** Milliseconds from asking for a river of one small query to its result; the first run warms up. */
export async function warmRun(rig: Rig, runs: number): Promise<number> {
  const plan = trivialPlan();
  await rig.run(plan);
  const times: number[] = [];
  for (let run = 0; run < runs; run++) {
    const begin = performance.now();
    await rig.run(plan);
    times.push(performance.now() - begin);
  }
  return median(times);
}

/** Milliseconds that `upriver run` takes in a folder where nothing has run yet: server, worker, run and their end. */
export async function coldRun(): Promise<number> {
  const dir = await mkdtemp(join(tmpdir(), 'upriver-cold-'));
  try {
    await cp(join(ROOT, 'examples/starter'), dir, { recursive: true });
    await writeFile(join(dir, 'rivers', 'one.yaml'), ONE);
    const begin = performance.now();
    const args = [join(ROOT, 'bin/upriver.js'), 'run', 'one', '--project', dir];
    await promisify(execFile)(process.execPath, args, { env: { ...process.env, HUBSPOT_TOKEN: 'none' } });
    return performance.now() - begin;
  } finally {
    await rm(dir, { recursive: true, force: true });
  }
}

const ONE = `
name: one
variables: { one: {} }
steps:
  - { id: one, type: sql, connection: warehouse, query: select 1, target: { variable: one } }
`;
