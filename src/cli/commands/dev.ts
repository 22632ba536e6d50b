/** `upriver dev`: the embedded Temporal and a worker, up until Ctrl-C; goes on with whatever has not ended. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import type { RunRecord, StateStore } from '../../core/store.ts';
import { openRuntime } from '../../temporal/project-runtime.ts';
import { action, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { duration, outcomes } from '../format.ts';
import { onInterrupt } from '../interrupt.ts';
import { openLog } from '../log.ts';
import { loadValidProject } from '../project.ts';
import { readSteps, runDocument } from '../run-view.ts';
import { status } from '../summary.ts';

const EVERY_MS = 500;
const LATEST = 100;

export function devCommand(): Command {
  return newCommand('dev', 'keep the embedded Temporal and a worker up', { json: false }).action(
    action(async ({ console, projectDir, env }) => {
      using interrupt = onInterrupt();
      const project = await loadValidProject(projectDir);
      const { log } = await openLog(projectDir);
      await using runtime = await openRuntime({ project, env, log, host: true, onNote: (text) => console.note(text) });
      if (runtime.role !== 'host') throw notHost(runtime.role);
      console.say(
        `Temporal UI:  ${runtime.uiAddress}\nWorker:       ready\nStop:         Ctrl-C (unfinished runs go on next time)\n`,
      );
      await Promise.race([feedRuns(console, runtime.store, interrupt.signal), runtime.failed]);
      console.say('Stopping: requests in flight settle first. Ctrl-C again stops at once.');
      return EXIT.ok;
    }),
  );
}

function notHost(role: 'guest' | 'server'): UpriverError {
  if (role === 'guest') {
    return new UpriverError(
      'CONFIG_ALREADY_HOSTED',
      'Another process of this project hosts Temporal and the worker already.',
      {
        hint: 'Use that one; `upriver doctor` names it.',
      },
    );
  }
  return new UpriverError(
    'CONFIG_OWN_SERVER',
    'This project uses a Temporal server of its own, so there is nothing to embed.',
    {
      hint: 'Start a worker for it: upriver worker',
    },
  );
}

/** A line when a run starts and one when it ends. */
async function feedRuns(console: Console, store: StateStore, signal: AbortSignal): Promise<void> {
  const running = new Set((await store.listRuns({ status: 'running', limit: LATEST })).map((run) => run.id));
  let newest = Date.now();
  for (const id of running) console.say(`${id}  goes on`);
  while (!signal.aborted) {
    const runs = await store.listRuns({ limit: LATEST });
    for (const run of runs.filter((each) => each.startedAt >= newest && !running.has(each.id)).reverse()) {
      newest = Math.max(newest, run.startedAt + 1);
      running.add(run.id);
      console.say(`${run.id}  started by ${run.startedBy}`);
    }
    for (const run of runs) {
      if (run.status !== 'running' && running.delete(run.id)) console.say(await ending(console, store, run));
    }
    await sleep(EVERY_MS, undefined, { signal }).catch(() => {});
  }
}

async function ending(console: Console, store: StateStore, run: RunRecord): Promise<string> {
  const { rows, duration_ms } = runDocument(run, await readSteps(store, run.id), Date.now());
  const counts = outcomes(rows);
  return `${run.id}  ${status(console, run.status)} in ${duration(duration_ms)}${counts ? `: ${counts}` : ''}`;
}
