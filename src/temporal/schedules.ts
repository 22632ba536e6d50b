/** A project's schedules in Temporal: made to match the files, listed, paused, triggered, backfilled. */
import { createHash } from 'node:crypto';
import {
  type Client,
  ScheduleNotFoundError,
  type ScheduleOptions,
  ScheduleOverlapPolicy,
  type ScheduleSummary,
  type ScheduleUpdateOptions,
} from '@temporalio/client';
import type { Overlap, Plan } from '../contracts/plan.ts';
import type { RunInput } from '../contracts/run.ts';
import { summaryOf } from '../core/summary.ts';
import type { Value } from '../core/values.ts';
import { asUnreachable, memoOf, WORKFLOW_TASK_TIMEOUT } from './client.ts';
import { protoTime } from './proto-time.ts';

/** One entry of a river's `schedules`, with the plan that its runs get. */
export interface WantedSchedule {
  plan: Plan;
  cron: string;
  timezone: string;
  inputs: { [name: string]: Value };
  jitterMs: number | null;
  catchupMs: number | null;
  overlap: Overlap;
  pauseOnFailure: boolean;
}

/** What a schedule of ours carries in its memo: whose it is, and what the files said (Temporal gives cron back as calendars). */
interface Marker extends Record<string, unknown> {
  upriver: { taskQueue: string; river: string; cron: string; timezone: string };
}

export interface ScheduleChange {
  id: string;
  change: 'create' | 'update' | 'delete' | 'keep';
  cron: string;
  timezone: string;
}

export interface ListedSchedule {
  id: string;
  river: string;
  cron: string;
  timezone: string;
  paused: boolean;
  next: Date | null;
  last: Date | null;
}

const OVERLAPS = {
  skip: ScheduleOverlapPolicy.SKIP,
  queue: ScheduleOverlapPolicy.BUFFER_ALL,
  cancel_running: ScheduleOverlapPolicy.CANCEL_OTHER,
  allow: ScheduleOverlapPolicy.ALLOW_ALL,
} as const satisfies Record<Overlap, ScheduleOverlapPolicy>;

/** Stable as long as river, cron, timezone and inputs are: a change of those is another schedule. */
function scheduleId({ plan, cron, timezone, inputs }: WantedSchedule, taskQueue: string): string {
  return `${plan.root}/${fingerprint([taskQueue, cron, timezone, inputs]).slice(0, 8)}`;
}

/** Where the schedules of a project live. Two projects that share a server need a task queue each. */
export interface ScheduleScope {
  client: Client;
  taskQueue: string;
  searchAttributes: boolean;
}

/** What `applySchedules` would do. */
export async function planSchedules(
  scope: ScheduleScope,
  wanted: readonly WantedSchedule[],
): Promise<ScheduleChange[]> {
  const { client } = scope;
  const changes: ScheduleChange[] = [];
  for (const schedule of wanted) {
    const id = scheduleId(schedule, scope.taskQueue);
    changes.push({
      id,
      change: await changeOf(client, id, scheduleOptions(schedule, scope)),
      cron: schedule.cron,
      timezone: schedule.timezone,
    });
  }
  const ids = new Set(changes.map((change) => change.id));
  for (const extra of await listSchedules(scope)) {
    if (!ids.has(extra.id))
      changes.push({ id: extra.id, change: 'delete', cron: extra.cron, timezone: extra.timezone });
  }
  return changes;
}

/** Creates, updates and deletes until Temporal has what the files say. Paused ones stay paused. */
export async function applySchedules(
  scope: ScheduleScope,
  wanted: readonly WantedSchedule[],
): Promise<ScheduleChange[]> {
  const { client } = scope;
  const changes = await planSchedules(scope, wanted);
  const byId = new Map(
    wanted.map((schedule) => scheduleOptions(schedule, scope)).map((options) => [options.scheduleId, options]),
  );
  for (const { id, change } of changes) {
    const options = byId.get(id);
    if (change === 'delete') await client.schedule.getHandle(id).delete();
    else if (change === 'create' && options) await client.schedule.create(options);
    else if (change === 'update' && options) await updateSchedule(client, options);
  }
  return changes;
}

/** Those of this task queue, by id. */
export async function listSchedules({
  client,
  taskQueue,
}: Omit<ScheduleScope, 'searchAttributes'>): Promise<ListedSchedule[]> {
  const found: ListedSchedule[] = [];
  try {
    for await (const summary of client.schedule.list()) {
      const marker = markerOf(summary);
      if (marker?.taskQueue === taskQueue) found.push(listed(summary, marker));
    }
  } catch (error) {
    throw asUnreachable(error);
  }
  return found.sort((a, b) => a.id.localeCompare(b.id));
}

/** When a schedule starts runs in a span of time, both ends included; paused or not, jitter left out. */
export async function dueTimes(
  { client, namespace }: { client: Client; namespace: string },
  { scheduleId: id, from, to }: { scheduleId: string; from: Date; to: Date },
): Promise<number> {
  const [startTime, endTime] = [protoTime(from.getTime()), protoTime(to.getTime())];
  const span = { namespace, scheduleId: id, startTime, endTime };
  return (await client.workflowService.listScheduleMatchingTimes(span)).startTime.length;
}

function listed(summary: ScheduleSummary, { river, cron, timezone }: Marker['upriver']): ListedSchedule {
  return {
    id: summary.scheduleId,
    river,
    cron,
    timezone,
    paused: summary.state.paused,
    next: summary.info.nextActionTimes[0] ?? null,
    last: summary.info.recentActions.at(-1)?.takenAt ?? null,
  };
}

function markerOf({ memo }: { memo?: Record<string, unknown> | undefined }): Marker['upriver'] | undefined {
  return (memo as Partial<Marker> | undefined)?.upriver;
}

async function changeOf(client: Client, id: string, options: ScheduleOptions): Promise<ScheduleChange['change']> {
  try {
    const { action } = await client.schedule.getHandle(id).describe();
    return action.memo?.['fingerprint'] === options.action.memo?.['fingerprint'] ? 'keep' : 'update';
  } catch (error) {
    if (error instanceof ScheduleNotFoundError) return 'create';
    throw asUnreachable(error);
  }
}

async function updateSchedule(
  client: Client,
  { scheduleId: id, action, spec, policies }: ScheduleOptions,
): Promise<void> {
  await client.schedule.getHandle(id).update(
    (previous): ScheduleUpdateOptions => ({
      ...previous,
      action: action as ScheduleUpdateOptions['action'],
      spec,
      policies: { ...previous.policies, ...policies },
    }),
  );
}

/** A run asks for its river's lock itself: what a schedule says of overlap is its runs' own. */
function withOverlap(plan: Plan, overlap: Overlap): Plan {
  const river = plan.rivers[plan.root];
  return river ? { ...plan, rivers: { ...plan.rivers, [plan.root]: { ...river, overlap } } } : plan;
}

function scheduleOptions(schedule: WantedSchedule, { taskQueue, searchAttributes }: ScheduleScope): ScheduleOptions {
  const { plan, cron, timezone, inputs } = schedule;
  const id = scheduleId(schedule, taskQueue);
  // Temporal adds the nominal time. Two schedules of one river may have the same.
  const workflowId = id.replace('/', '-');
  const input: RunInput = {
    plan: withOverlap(plan, schedule.overlap),
    inputs,
    startedBy: `schedule:${id}`,
    full: false,
    dryRun: false,
    retryOf: null,
    searchAttributes,
  };
  const description = plan.rivers[plan.root]?.description;
  const spec = { cronExpressions: [cron], timezone, ...(schedule.jitterMs ? { jitter: schedule.jitterMs } : {}) };
  const policies = {
    overlap: OVERLAPS[schedule.overlap],
    pauseOnFailure: schedule.pauseOnFailure,
    ...(schedule.catchupMs ? { catchupWindow: schedule.catchupMs } : {}),
  };
  const action = {
    type: 'startWorkflow' as const,
    workflowType: plan.root,
    workflowId,
    taskQueue,
    workflowTaskTimeout: WORKFLOW_TASK_TIMEOUT,
    args: [input],
    ...(description ? { staticSummary: summaryOf(description) } : {}),
  };
  // The files' own plan: by it a later command sees whether they have changed.
  const memo = { ...memoOf({ ...input, plan }), fingerprint: fingerprint([spec, policies, action]) };
  return {
    scheduleId: id,
    spec,
    policies,
    action: { ...action, memo },
    memo: { upriver: { taskQueue, river: plan.root, cron, timezone } } satisfies Marker,
  };
}

function fingerprint(of: unknown): string {
  return createHash('sha256').update(JSON.stringify(of)).digest('hex');
}
