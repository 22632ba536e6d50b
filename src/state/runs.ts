/** Runs and their steps, the lock of a river, persisted variables: a line each. */
import type { Kysely, Selectable, Updateable } from 'kysely';
import type { RunRecord, RunStatus, StateStore, StepRecord, StepStatus } from '../core/store.ts';
import { decode, encode, type Value } from '../core/values.ts';
import type { Tables } from './schema.ts';

type Db = Kysely<Tables>;

export function runsOf(
  db: Db,
): Pick<StateStore, 'createRun' | 'updateRun' | 'getRun' | 'listRuns' | 'saveStep' | 'listSteps'> {
  return {
    async createRun(run) {
      // A retried activity creates its run again: the first stays.
      await db
        .insertInto('runs')
        .values(runRow(run))
        .onConflict((c) => c.column('id').doNothing())
        .execute();
    },
    async updateRun(id, change) {
      const row: Updateable<Tables['runs']> = {};
      if (change.status !== undefined) row.status = change.status;
      if (change.endedAt !== undefined) row.ended_at = change.endedAt;
      if (change.expiresAt !== undefined) row.expires_at = change.expiresAt;
      if (change.error !== undefined) row.error = toJson(change.error);
      if (change.values !== undefined) row.values_json = change.values && encode(change.values);
      if (Object.keys(row).length === 0) return;
      await db.updateTable('runs').set(row).where('id', '=', id).execute();
    },
    async getRun(id) {
      const row = await db.selectFrom('runs').selectAll().where('id', '=', id).executeTakeFirst();
      return row ? runOf(row) : null;
    },
    async listRuns({ river, status, limit }) {
      let query = db.selectFrom('runs').selectAll();
      if (river !== undefined) query = query.where('river', '=', river);
      if (status !== undefined) query = query.where('status', '=', status);
      const rows = await query.orderBy('started_at', 'desc').orderBy('num', 'desc').limit(limit).execute();
      return rows.map(runOf);
    },
    async saveStep(step) {
      const { run_id, step_id, ...changing } = stepRow(step);
      const insert = db.insertInto('steps').values({ run_id, step_id, ...changing });
      await insert.onConflict((c) => c.columns(['run_id', 'step_id']).doUpdateSet(changing)).execute();
    },
    async listSteps(runId) {
      const query = db.selectFrom('steps').selectAll().where('run_id', '=', runId);
      return (await query.orderBy('started_at').orderBy('num').execute()).map(stepOf);
    },
  };
}

export function locksOf(db: Db): Pick<StateStore, 'lockRiver' | 'unlockRiver'> {
  const holderOf = async (river: string) =>
    (await db.selectFrom('river_locks').select('owner').where('river', '=', river).executeTakeFirst())?.owner;
  const firstWaiting = async (river: string) => {
    const waiting = db.selectFrom('river_waiters').select('owner').where('river', '=', river);
    return (await waiting.orderBy('since').orderBy('owner').limit(1).executeTakeFirst())?.owner;
  };
  const wait = (river: string, owner: string, since: number) =>
    db
      .insertInto('river_waiters')
      .values({ river, owner, since })
      .onConflict((c) => c.columns(['river', 'owner']).doNothing())
      .execute();
  const leave = (table: 'river_locks' | 'river_waiters', river: string, owner: string) =>
    db.deleteFrom(table).where('river', '=', river).where('owner', '=', owner).execute();
  return {
    async lockRiver(river, owner, since) {
      for (;;) {
        const holder = await holderOf(river);
        const inTheWay = holder ?? (await firstWaiting(river)) ?? owner;
        if (inTheWay !== owner) {
          if (since !== null) await wait(river, owner, since);
          return { held: false, owner: inTheWay };
        }
        if (holder === owner) {
          await leave('river_waiters', river, owner);
          return { held: true, owner };
        }
        await db
          .insertInto('river_locks')
          .values({ river, owner })
          .onConflict((c) => c.column('river').doNothing())
          .execute();
      }
    },
    async unlockRiver(river, owner) {
      await leave('river_waiters', river, owner);
      await leave('river_locks', river, owner);
    },
  };
}

export function variablesOf(db: Db): Pick<StateStore, 'readVariables' | 'saveVariables'> {
  return {
    async readVariables(river) {
      const rows = await db.selectFrom('variables').select(['name', 'value']).where('river', '=', river).execute();
      return Object.fromEntries(rows.map((row) => [row.name, decode(row.value)]));
    },
    async saveVariables(river, values) {
      const rows = Object.entries(values).map(([name, value]) => ({ river, name, value: encode(value) }));
      if (rows.length === 0) return;
      const insert = db.insertInto('variables').values(rows);
      await insert
        .onConflict((c) => c.columns(['river', 'name']).doUpdateSet((e) => ({ value: e.ref('excluded.value') })))
        .execute();
    },
  };
}

function runRow(run: RunRecord) {
  return {
    id: run.id,
    river: run.river,
    status: run.status,
    started_at: run.startedAt,
    ended_at: run.endedAt,
    inputs: encode(run.inputs),
    started_by: run.startedBy,
    error: toJson(run.error),
    values_json: run.values && encode(run.values),
    expires_at: run.expiresAt,
  };
}

function runOf(row: Selectable<Tables['runs']>): RunRecord {
  return {
    id: row.id,
    river: row.river,
    status: row.status as RunStatus,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    inputs: decode(row.inputs) as { [name: string]: Value },
    startedBy: row.started_by,
    error: fromJson(row.error),
    values: row.values_json === null ? null : (decode(row.values_json) as { [name: string]: Value }),
    expiresAt: row.expires_at,
  };
}

function stepRow(step: StepRecord) {
  return {
    run_id: step.runId,
    step_id: step.stepId,
    type: step.type,
    status: step.status,
    attempts: step.attempts,
    started_at: step.startedAt,
    ended_at: step.endedAt,
    counts: toJson(step.rows),
    requests: step.requests,
    error: toJson(step.error),
  };
}

function stepOf(row: Selectable<Tables['steps']>): StepRecord {
  return {
    runId: row.run_id,
    stepId: row.step_id,
    type: row.type,
    status: row.status as StepStatus,
    attempts: row.attempts,
    startedAt: row.started_at,
    endedAt: row.ended_at,
    rows: fromJson(row.counts),
    requests: row.requests,
    error: fromJson(row.error),
  };
}

function toJson(value: object | null): string | null {
  return value === null ? null : JSON.stringify(value);
}

function fromJson<T>(text: string | null): T | null {
  return text === null ? null : (JSON.parse(text) as T);
}
