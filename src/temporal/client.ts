/** Runs as Temporal's client sees them: start, find what is unfinished, await the result, cancel, end. */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import {
  type Client,
  isGrpcServiceError,
  ServiceError,
  WorkflowExecutionAlreadyStartedError,
  WorkflowFailedError,
  WorkflowNotFoundError,
} from '@temporalio/client';
import { ApplicationFailure, CancelledFailure, TerminatedFailure } from '@temporalio/common';
import type { Plan, RiverPlan } from '../contracts/plan.ts';
import type { RunInput, RunResult } from '../contracts/run.ts';
import { UpriverError } from '../core/errors.ts';
import { retriedRun } from '../core/started-by.ts';
import { summaryOf } from '../core/summary.ts';
import type { Value } from '../core/values.ts';

/** Kept with each run in Temporal, so that a later command knows what it was asked to do. */
export interface RunMemo extends Record<string, unknown> {
  inputs: { [name: string]: Value };
  full: boolean;
  startedBy: string;
  /** Of a retry: whether it also sends rows that may have arrived. */
  includeUnknown?: boolean;
  /** Fingerprint of the plan: whether the files have changed since. */
  plan?: string;
}

/** What is asked for, before it is known where it runs. */
export type RunOrder = Omit<RunInput, 'searchAttributes'>;

export interface RunToStart {
  runId: string;
  order: RunOrder;
  taskQueue: string;
  searchAttributes: boolean;
}

/** A worker that died while it held a workflow task is noticed within this. */
export const WORKFLOW_TASK_TIMEOUT = '5s';
const RETRY_MS = 1_000;

/** CONFIG_TEMPORAL_UNREACHABLE, INTERNAL_RUN_ID. Sent again after a lost answer, the server knows the request by its id. */
export async function startRun(
  client: Client,
  { runId, order, taskQueue, searchAttributes }: RunToStart,
): Promise<void> {
  const river = rootRiver(order);
  const input: RunInput = { ...order, searchAttributes };
  try {
    await client.workflow.start(river.name, {
      args: [input],
      workflowId: runId,
      taskQueue,
      workflowIdReusePolicy: 'REJECT_DUPLICATE',
      workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
      memo: memoOf(order),
      ...(river.description ? { staticSummary: summaryOf(river.description) } : {}),
    });
  } catch (error) {
    if (error instanceof WorkflowExecutionAlreadyStartedError) throw idTaken(runId, error);
    throw asUnreachable(error);
  }
}

function idTaken(runId: string, cause: Error): UpriverError {
  return new UpriverError('INTERNAL_RUN_ID', `Temporal has another run with the id ${runId} already.`, {
    hint: 'Nothing was started. Ask for the run once more: it gets another id.',
    cause,
  });
}

export function memoOf({ inputs, full, startedBy, plan, retryOf }: RunOrder): RunMemo {
  const ofRetry = retryOf && { includeUnknown: retryOf.includeUnknown };
  return { inputs, full, startedBy, ...ofRetry, plan: fingerprintOf(plan) };
}

function fingerprintOf(plan: Plan): string {
  return createHash('sha256').update(JSON.stringify(plan)).digest('base64url').slice(0, 22);
}

/** Whether the run keeps to other files than there are today. */
export function isOutdated(memo: RunMemo | null, { plan }: RunOrder): boolean {
  return memo?.plan !== undefined && memo.plan !== fingerprintOf(plan);
}

export interface OpenRun {
  runId: string;
  river: string;
  startedAt: Date;
  /** In Temporal, by someone: it goes on when it is resumed there. */
  paused: boolean;
  memo: RunMemo | null;
}

/** Runs that have not ended, of one river or of all of a task queue, oldest first; those that another river called are left out. */
export async function listOpenRuns(client: Client, of: { river: string } | { taskQueue: string }): Promise<OpenRun[]> {
  const open: OpenRun[] = [];
  const which = 'river' in of ? `WorkflowType = "${of.river}"` : `TaskQueue = "${of.taskQueue}"`;
  try {
    // Not by status: a paused run is none that is "Running", and has not ended.
    for await (const found of client.workflow.list({ query: `${which} AND CloseTime IS NULL` })) {
      if (found.parentExecution) continue;
      const memo = (found.memo ?? null) as RunMemo | null;
      const { workflowId: runId, type: river, startTime: startedAt } = found;
      open.push({ runId, river, startedAt, paused: found.status.name === 'PAUSED', memo });
    }
  } catch (error) {
    throw asUnreachable(error);
  }
  return open.sort((a, b) => a.startedAt.getTime() - b.startedAt.getTime());
}

/** Whether both are the river itself, or a retry of the same run. */
export function isSameKind(memo: RunMemo | null, order: RunOrder): boolean {
  return retriedRun(memo?.startedBy ?? '') === retriedRun(order.startedBy);
}

/** Whether the run does what is asked for: the same inputs, and every row that is wanted. */
export function servesOrder(memo: RunMemo | null, order: RunOrder): boolean {
  if (memo === null || !isSameKind(memo, order)) return false;
  const asked = JSON.parse(JSON.stringify(memoOf(order))) as RunMemo;
  if ((asked.full && !memo.full) || (asked.includeUnknown && !memo.includeUnknown)) return false;
  return isDeepStrictEqual(memo.inputs, asked.inputs);
}

/** Whether Temporal knows the run as one that has not ended; a paused one has not. */
export async function isOpen(client: Client, runId: string): Promise<boolean> {
  try {
    const { closeTime } = await client.workflow.getHandle(runId).describe();
    return closeTime === undefined;
  } catch (error) {
    if (error instanceof WorkflowNotFoundError) return false;
    throw asUnreachable(error);
  }
}

/**
 * Whether somebody asked the workflow to stop, or one above it that waits for it. False also where Temporal cannot tell
 * right now: it will say so by itself.
 */
export async function isCancelRequested(client: Client, workflowId: string): Promise<boolean> {
  try {
    const { raw, closeTime } = await client.workflow.getHandle(workflowId).describe();
    if (closeTime !== undefined) return false;
    if (raw.workflowExtendedInfo?.cancelRequested) return true;
    const parent = raw.workflowExecutionInfo?.parentExecution?.workflowId;
    return parent ? isCancelRequested(client, parent) : false;
  } catch {
    return false;
  }
}

/** How a run ended that gave no result of its own. */
export type Ending = { status: 'failed' | 'cancelled'; message: string };

export const LOST: Ending = { status: 'failed', message: 'Temporal no longer knows this run.' };

interface Patience {
  patienceMs: number;
  signal: AbortSignal;
}

/**
 * Waits for the end of a run. A server that is away is waited for, up to `patienceMs`.
 * Throws CONFIG_TEMPORAL_UNREACHABLE after that; the run goes on then. Must be aborted before the connection closes.
 */
export async function awaitRun(
  client: Client,
  runId: string,
  { patienceMs, signal }: Patience,
): Promise<RunResult | Ending> {
  for (;;) {
    try {
      return await client.withAbortSignal(signal, () => client.workflow.result<() => Promise<RunResult>>(runId));
    } catch (error) {
      if (error instanceof WorkflowFailedError) return endingOf(error);
      if (error instanceof WorkflowNotFoundError) return LOST;
      if (!isServiceError(error) || signal.aborted) throw error;
      await untilServing(client, { patienceMs, signal });
    }
  }
}

/** Waits until the server answers, a second between tries. */
async function untilServing(client: Client, { patienceMs, signal }: Patience): Promise<void> {
  const start = performance.now();
  for (;;) {
    await sleep(RETRY_MS, undefined, { signal });
    try {
      await client.workflowService.getSystemInfo({});
      return;
    } catch (error) {
      if (performance.now() - start > patienceMs) throw asUnreachable(error);
    }
  }
}

export async function cancelRun(client: Client, runId: string): Promise<void> {
  try {
    await client.workflow.getHandle(runId).cancel();
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw asUnreachable(error);
  }
}

/** Ends a run where it stands, whether or not anyone works for it. */
export async function terminateRun(client: Client, runId: string, reason: string): Promise<void> {
  try {
    await client.workflow.getHandle(runId).terminate(reason);
  } catch (error) {
    if (!(error instanceof WorkflowNotFoundError)) throw asUnreachable(error);
  }
}

/**
 * What a workflow says of itself right now beside its table of counts: why it waits. Null: nothing.
 * Answered by a worker; the query is the one by which Temporal's UI shows current details.
 */
export async function currentNote(client: Client, workflowId: string): Promise<string | null> {
  const metadata = await client.workflow
    .getHandle(workflowId)
    .query<{ currentDetails?: string }>('__temporal_workflow_metadata');
  const [first = ''] = (metadata.currentDetails ?? '').split('\n', 1);
  return first === '' || first.startsWith('|') ? null : first;
}

/** Whether any worker asks the task queue for work. */
export async function hasWorker(client: Client, namespace: string, taskQueue: string): Promise<boolean> {
  const { pollers } = await client.workflowService.describeTaskQueue({
    namespace,
    taskQueue: { name: taskQueue },
    taskQueueType: 1,
  });
  return (pollers?.length ?? 0) > 0;
}

/** Errors of the connection as CONFIG_TEMPORAL_UNREACHABLE; others as they are. */
export function asUnreachable(error: unknown): unknown {
  if (!isServiceError(error)) return error;
  const reason =
    error instanceof Error && error.cause instanceof Error ? error.cause.message : (error as Error).message;
  return new UpriverError('CONFIG_TEMPORAL_UNREACHABLE', `Temporal does not answer: ${reason}`, {
    hint: 'Check `temporal.address` in upriver.yaml (or TEMPORAL_ADDRESS) and that the server is up; `upriver doctor` tells more.',
    cause: error,
  });
}

function isServiceError(error: unknown): boolean {
  return error instanceof ServiceError || isGrpcServiceError(error);
}

/** A run that failed says all that it has to say in its failure. */
function endingOf({ cause, message }: WorkflowFailedError): RunResult | Ending {
  const result = cause instanceof ApplicationFailure ? (cause.details?.[1] as RunResult | undefined) : undefined;
  if (result) return result;
  if (cause instanceof CancelledFailure) return { status: 'cancelled', message: 'The run was cancelled.' };
  if (cause instanceof TerminatedFailure) return { status: 'cancelled', message: terminatedBecause(cause) };
  return { status: 'failed', message: cause?.message ?? message };
}

function terminatedBecause({ message }: TerminatedFailure): string {
  const reason = message.replace(/^Workflow execution terminated\.?$/, '');
  return `The run was terminated in Temporal${reason ? `: ${reason}` : '.'}`;
}

function rootRiver({ plan }: RunOrder): RiverPlan {
  const river = plan.rivers[plan.root];
  if (!river) throw new UpriverError('INTERNAL_PLAN', `the plan lacks its own river ${plan.root}`);
  return river;
}
