/** The runs of a project: as the store has them, set right by what Temporal knows where it answers. */
import { toReport } from '../core/errors.ts';
import type { RunRecord, StateStore } from '../core/store.ts';
import type { Project } from '../language/index.ts';
import { currentNote, hasWorker, listOpenRuns, type OpenRun } from '../temporal/client.ts';
import { closeEndedRuns } from '../temporal/close-runs.ts';
import { openProjectStore } from '../temporal/project-store.ts';
import { type Reached, reachTemporal } from '../temporal/reach.ts';
import type { CommandContext } from './command.ts';
import { findRun } from './run-ids.ts';

export interface KnownRun {
  run: RunRecord;
  /** Why it has not begun; null: it has. */
  waits: string | null;
}

export interface KnownRuns extends AsyncDisposable {
  store: StateStore;
  /** What a RUN argument names. Throws USAGE. */
  find(wanted: string): Promise<KnownRun>;
  /** Newest first. */
  list(filter: { river: string | undefined; limit: number }): Promise<KnownRun[]>;
}

export async function openKnownRuns({ console, env }: CommandContext, project: Project): Promise<KnownRuns> {
  const store = await openProjectStore(project, env);
  /** Runs that have not begun. The store's own are set right on the way. */
  const look = async (): Promise<KnownRun[]> => {
    try {
      await using temporal = await reachTemporal(project, env);
      return temporal ? await setRight(store, temporal, project.settings.retentionMs) : [];
    } catch (error) {
      console.warn(`${toReport(error).message}: what follows is what the state store has.`);
      return [];
    }
  };
  return {
    store,
    async find(wanted) {
      const exact = await store.getRun(wanted);
      if (exact && exact.status !== 'running') return { run: exact, waits: null };
      const waiting = await look();
      const run = await findRun(
        store,
        wanted,
        waiting.map((known) => known.run),
      );
      return waiting.find((known) => known.run === run) ?? { run, waits: null };
    },
    async list({ river, limit }) {
      const waiting = (await look()).filter(({ run }) => river === undefined || run.river === river);
      const begun = (await store.listRuns({ river, limit })).map((run) => ({ run, waits: null }));
      return [...waiting, ...begun].sort((a, b) => b.run.startedAt - a.run.startedAt).slice(0, limit);
    },
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function setRight(store: StateStore, temporal: Reached, retentionMs: number): Promise<KnownRun[]> {
  const { client, taskQueue, own } = temporal;
  await closeEndedRuns(store, client, { retentionMs, lost: !own });
  const waiting: KnownRun[] = [];
  for (const open of await listOpenRuns(client, { taskQueue })) {
    if (!open.memo || (await store.getRun(open.runId))) continue;
    waiting.push({ run: recordOf(open, open.memo), waits: await whyWaiting(temporal, open) });
  }
  return waiting;
}

async function whyWaiting({ client, namespace, taskQueue }: Reached, { runId, paused }: OpenRun): Promise<string> {
  if (paused) return 'it is paused in Temporal';
  if (!(await hasWorker(client, namespace, taskQueue)))
    return `no worker asks task queue ${taskQueue} for work (upriver worker)`;
  const note = await currentNote(client, runId).catch(() => null);
  return note ? note.charAt(0).toLowerCase() + note.slice(1).replace(/\.$/, '') : 'a worker is about to take it';
}

function recordOf(
  { runId, river, startedAt }: OpenRun,
  { inputs, startedBy }: NonNullable<OpenRun['memo']>,
): RunRecord {
  return {
    ...{ id: runId, river, status: 'running', inputs, startedBy },
    startedAt: startedAt.getTime(),
    ...{ endedAt: null, error: null, values: null, expiresAt: null },
  };
}
