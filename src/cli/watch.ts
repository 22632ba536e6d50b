/** Watches one run, with its progress on the terminal, to its end or to the first Ctrl-C. */
import type { RunResult } from '../contracts/run.ts';
import type { StateStore } from '../core/store.ts';
import { awaitRun, currentNote, type Ending } from '../temporal/client.ts';
import { closeRun } from '../temporal/close-runs.ts';
import type { ProjectRuntime } from '../temporal/project-runtime.ts';
import type { Console } from './console.ts';
import { aborted, type Interrupt } from './interrupt.ts';
import { followRun } from './progress.ts';
import { liveProgress } from './progress-live.ts';
import { plainProgress, silentProgress } from './progress-plain.ts';
import { emptyDocument, type RunDocument, readSteps, runDocument } from './run-view.ts';

/** How long a Temporal server may be away while a run is watched. */
const PATIENCE_MS = 60_000;

export interface Watched {
  console: Console;
  runtime: ProjectRuntime;
  runId: string;
  river: string;
  interrupt: Interrupt;
  /** A dry run: its steps' counts are of rows that are not sent. */
  quiet?: boolean;
}

export interface Seen {
  /** Why watching stopped: the run's end, Ctrl-C, or the end of the process that hosted it. */
  left: 'ended' | 'interrupt' | 'host';
  /** As it ended, or as it stands. */
  run: RunDocument;
}

export async function watchRun(watched: Watched): Promise<Seen> {
  const { console, runtime, runId, river, interrupt } = watched;
  const { store, client } = runtime;
  const stop = new AbortController();
  const view = watched.quiet ? silentProgress : viewFor(console);
  const askWhy = (stepId: string) => currentNote(client, `${runId}/${stepId}`);
  const following = followRun({ store, runId, view, askWhy }, stop.signal);
  try {
    const outcome = await Promise.race([
      awaitRun(client, runId, { patienceMs: PATIENCE_MS, signal: stop.signal }),
      aborted(interrupt.signal).then(() => 'interrupt' as const),
      runtime.hostEnded(stop.signal).then(() => 'host' as const),
      runtime.failed,
    ]);
    if (typeof outcome === 'string') return { left: outcome, run: await currentRun(store, runId, river) };
    return { left: 'ended', run: await endedRun(watched, outcome) };
  } finally {
    stop.abort();
    await following;
  }
}

function viewFor(console: Console) {
  if (console.json) return silentProgress;
  return console.live ? liveProgress(console) : plainProgress(console);
}

/** The workflow's own result; where it left none (terminated, lost), what the store knows. */
export async function endedRun(
  { runtime, runId, river }: Pick<Watched, 'runtime' | 'runId' | 'river'>,
  outcome: RunResult | Ending,
): Promise<RunDocument> {
  if ('run_id' in outcome) {
    const { outputs: _forCallingRivers, ...document } = outcome;
    return document;
  }
  const { store, retentionMs } = runtime;
  const known = await store.getRun(runId);
  if (!known) return emptyDocument(runId, river, outcome);
  if (known.status === 'running') await closeRun(store, { run: known, ending: outcome, retentionMs });
  return currentRun(store, runId, river);
}

async function currentRun(store: StateStore, runId: string, river: string): Promise<RunDocument> {
  const record = await store.getRun(runId);
  return record ? runDocument(record, await readSteps(store, runId), Date.now()) : emptyDocument(runId, river);
}
