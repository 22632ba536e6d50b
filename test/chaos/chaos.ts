/** One seeded run of chaos: a river over many rows while its parts are killed; afterwards every row is accounted for. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunResult } from '../../src/contracts/run.ts';
import { noRows, type RowCounts } from '../../src/core/outcomes.ts';
import type { RunStatus, StateStore } from '../../src/core/store.ts';
import { loadProject, planFor } from '../../src/language/index.ts';
import { openStore } from '../../src/state/index.ts';
import { awaitRun, cancelRun, type Ending, startRun } from '../../src/temporal/client.ts';
import { connectClient } from '../../src/temporal/connection.ts';
import { startCrashingPostgres } from '../helpers/postgres.ts';
import { type Parts, strike } from './events.ts';
import { startApi, startTemporal, SupervisedWorker } from './processes.ts';
import { LOOP, type Mode, RIVER, writeProject } from './project.ts';
import { compare, type Findings } from './referee.ts';
import { type ChaosEvent, drawSchedule, type Kind } from './schedule.ts';

export interface ChaosOptions {
  seed: number;
  rows: number;
  events: number;
  kinds: readonly Kind[];
  mode: Mode;
  workers: number;
  maxInFlight: number;
  store: 'sqlite' | 'postgres';
  /** The API's, at the most; answers take between none and this. */
  latencyMs: number;
  onNote: (text: string) => void;
}

export interface StruckEvent extends ChaosEvent {
  /** From the part being back until the API received the next request. null: another event came between, or the work was done. */
  resumedMs: number | null;
}

export interface ChaosReport {
  status: RunStatus;
  error: string | null;
  events: StruckEvent[];
  ms: number;
  counts: RowCounts;
  received: number;
  /** Applied more than once. */
  twice: number;
  /** As many as the crashes and lost answers may cost. */
  mayBeTwice: number;
  mayBeUnknown: number;
  /** Empty: everything holds. */
  problems: string[];
}

const BATCH_ROWS = 100;
const POLL_MS = 25;
/** Longer than a process that wakes up after the run's end could go on if it were not kept from it. */
const QUIET_MS = 3_000;
/** No event of the schedule needs as long. */
const STUCK_MS = 120_000;
const PATIENCE_MS = 60_000;

export async function runChaos(options: ChaosOptions): Promise<ChaosReport> {
  await using owned = new AsyncDisposableStack();
  const runId = `${RIVER}-${options.seed}`;
  const { parts, store, client, dir } = await startParts({ ...options, runId }, owned);
  const project = await loadProject(dir);
  const order = {
    plan: planFor(project, RIVER),
    inputs: {},
    startedBy: 'chaos',
    full: false,
    dryRun: false,
    retryOf: null,
  };
  const begin = performance.now();
  await startRun(client, { runId, order, taskQueue: project.settings.temporal.taskQueue, searchAttributes: true });
  const ended = new AbortController();
  owned.defer(() => ended.abort());
  const watch = new Watch(parts, ended.signal);
  const running = awaitRun(client, runId, { patienceMs: PATIENCE_MS, signal: ended.signal }).finally(() =>
    ended.abort(),
  );
  const end = running.then(async (result) => ({
    result,
    ms: performance.now() - begin,
    received: (await parts.api.state()).deals.received,
  }));
  const [{ result, ms, received }, struck] = await Promise.all([end, strikeAll(options, parts, watch)]);
  if (result.status === 'cancelled') await sleep(QUIET_MS);
  const refuses = options.kinds.includes('faults');
  const findings = await compare({ runId, path: LOOP }, options.rows, { store, api: parts.api, refuses });
  const late = findings.received - received;
  if (late > 0) findings.problems.push(`${late} requests for rows came after the run had ended`);
  const { byFault, whileDown } = await parts.api.state();
  const lost = byFault['reset_after'] ?? 0;
  const unclear = lost + (byFault['500'] ?? 0) + whileDown;
  const told = 'rows' in result ? result.rows : await rowsTold(store, runId);
  return {
    ...{ ms, status: result.status, error: errorOf(result) },
    ...judge(options, { findings, struck, status: result.status, told, lost, unclear }),
  };
}

function errorOf(result: RunResult | Ending): string | null {
  if (!('rows' in result)) return result.message;
  return result.error ? `${result.error.code} ${result.error.message}` : null;
}

/** What a cancelled run says of its rows, where a user looks for it. */
async function rowsTold(store: StateStore, runId: string): Promise<RowCounts> {
  const steps = await store.listSteps(runId);
  return steps.find(({ stepId }) => stepId === LOOP)?.rows ?? noRows();
}

async function startParts(options: ChaosOptions & { runId: string }, owned: AsyncDisposableStack) {
  const dir = await mkdtemp(join(tmpdir(), 'upriver-chaos-'));
  owned.defer(() => rm(dir, { recursive: true, force: true }));
  const latency = { minMs: 0, maxMs: options.latencyMs };
  const api = owned.use(await startApi(options.rows, { limits: null, latency }));
  const temporal = owned.use(await startTemporal(dir));
  const postgres = options.store === 'postgres' ? owned.use(await startCrashingPostgres()) : null;
  await writeProject(dir, { ...options, url: api.url, postgres: postgres !== null });
  const env = {
    TEMPORAL_ADDRESS: temporal.address,
    CHAOS_TOKEN: 'chaos-token',
    ...(postgres && { UPRIVER_STATE_URL: postgres.url }),
  };
  const client = await connectClient({ address: temporal.address, namespace: 'default' });
  owned.defer(() => client.connection.close());
  const store = owned.use(
    await openStore(postgres ? { url: postgres.url } : { path: join(dir, '.upriver', 'state.db') }),
  );
  const workers = Array.from({ length: options.workers }, (_, n) =>
    owned.use(new SupervisedWorker({ dir, name: `worker-${n + 1}`, env })),
  );
  const cancel = () => cancelRun(client, options.runId);
  return { parts: { api, temporal, workers, postgres, cancel } satisfies Parts, store, client, dir };
}

/** Looks at the API all the time: how much it has received, and when it last received more. */
class Watch {
  readonly #parts: Parts;
  readonly #ended: AbortSignal;
  readonly begin = performance.now();
  /** Moments at which it had received more than before. */
  readonly growth: { at: number; requests: number }[] = [];
  /** Rows' writes so far. */
  received = 0;

  constructor(parts: Parts, ended: AbortSignal) {
    this.#parts = parts;
    this.#ended = ended;
    void this.#look();
  }

  async #look(): Promise<void> {
    while (!this.#ended.aborted) {
      const { requests, whileDown, deals } = await this.#parts.api.state();
      const got = requests - whileDown;
      if (got > (this.growth.at(-1)?.requests ?? 0)) this.growth.push({ at: performance.now(), requests: got });
      this.received = deals.received;
      await sleep(POLL_MS);
    }
  }

  /** False: the run ended before. */
  async reaches(received: number): Promise<boolean> {
    const deadline = performance.now() + STUCK_MS;
    while (this.received < received && !this.#ended.aborted) {
      const last = this.growth.at(-1)?.at ?? 0;
      if (performance.now() > Math.max(deadline, last + STUCK_MS))
        throw new Error(`stuck at ${this.received} received`);
      await sleep(POLL_MS);
    }
    return !this.#ended.aborted;
  }
}

interface Struck {
  event: ChaosEvent;
  beganAt: number;
  backAt: number;
  problem: string | null;
}

async function strikeAll(options: ChaosOptions, parts: Parts, watch: Watch): Promise<StruckAll> {
  const { seed, rows, events, kinds } = options;
  const struck: Struck[] = [];
  for (const event of drawSchedule({ seed, requests: rows, events, kinds })) {
    if (!(await watch.reaches(event.atReceived))) break;
    await sleep(event.delayMs);
    const beganAt = performance.now();
    const problem = await strike(event, parts);
    struck.push({ event, beganAt, backAt: performance.now(), problem });
    options.onNote(`${Math.round(beganAt - watch.begin)} ms, ${watch.received} of ${rows} received: ${event.kind}`);
  }
  return { struck, watch };
}

interface StruckAll {
  struck: Struck[];
  watch: Watch;
}

function withResumption({ struck, watch }: StruckAll): StruckEvent[] {
  return struck.map(({ event, backAt }, index) => {
    const next = watch.growth.find(({ at }) => at >= backAt);
    const overtaken = next && (struck[index + 1]?.beganAt ?? Number.POSITIVE_INFINITY) < next.at;
    return { ...event, resumedMs: next && !overtaken ? next.at - backAt : null };
  });
}

interface Evidence {
  findings: Findings;
  struck: StruckAll;
  status: RunStatus;
  /** By the run's own word. */
  told: RowCounts;
  /** Answers that the API's own faults withheld: their rows may be sent again as well. */
  lost: number;
  /** Answers, or none, after which nobody knows whether the request was applied. */
  unclear: number;
}

/** Only these can leave a request without its answer. */
const COSTLY: readonly Kind[] = ['kill', 'freeze', 'cancel'];

function judge(
  options: ChaosOptions,
  { findings, struck, status, told, lost, unclear }: Evidence,
): Omit<ChaosReport, 'status' | 'error' | 'ms'> {
  const { mode, maxInFlight, rows } = options;
  const { counts, twice, received } = findings;
  const crashes = struck.struck.filter(({ event }) => COSTLY.includes(event.kind)).length;
  const perRequest = mode === 'batch' ? BATCH_ROWS : 1;
  const mayBeTwice = mode === 'post' ? 0 : (2 * maxInFlight * crashes + lost) * perRequest;
  const cancelled = status === 'cancelled';
  // What is not safe to repeat is marked last; of the rest only a cancel may leave a row in doubt.
  const inDoubt = mode === 'post' ? maxInFlight * crashes : cancelled ? 2 * maxInFlight * perRequest : 0;
  const mayBeUnknown = inDoubt + (mode === 'post' || cancelled ? unclear * perRequest : 0);
  const problems = [...struck.struck.flatMap(({ problem }) => problem ?? []), ...findings.problems];
  const asked = struck.struck.some(({ event }) => event.kind === 'cancel');
  if (status !== 'partial' && !(cancelled && asked)) problems.push(`the run ended ${status}`);
  if (twice > mayBeTwice) problems.push(`${twice} rows were applied twice; at most ${mayBeTwice} may be`);
  if (counts.not_attempted > 0 && !cancelled) problems.push(`${counts.not_attempted} rows were lost`);
  if (counts.unknown > mayBeUnknown)
    problems.push(`${counts.unknown} rows are unknown; at most ${mayBeUnknown} may be`);
  for (const [name, count] of Object.entries({ ...counts, read: rows })) {
    const reported = told[name as keyof RowCounts];
    if (reported !== count) problems.push(`the run says ${reported} rows ${name}, the rows themselves ${count}`);
  }
  return { events: withResumption(struck), counts, received, twice, mayBeTwice, mayBeUnknown, problems };
}
