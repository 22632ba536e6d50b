/**
 * The shared limiter's transactions, written once for both engines: each is a generator that yields statements and
 * gets their rows, so that SQLite runs it on the spot and PostgreSQL over the wire.
 */
import type { PermitGrant, PermitReport, PermitRequest, Window } from '../core/permits.ts';
import type { ResultRow, Statement } from './engine.ts';
import { decideGrant, freesAt, LEASE_MS, type Waiter, WAITER_GRACE_MS, type WindowUse } from './permit-rules.ts';

export type PermitCall =
  | { kind: 'take'; request: PermitRequest; block: string }
  | { kind: 'report'; reports: readonly PermitReport[] }
  | { kind: 'pause'; connection: string; forMs: number }
  | { kind: 'foreign'; window: Window; requests: number };

export type PermitResult<C extends PermitCall> = C extends { kind: 'take' } ? PermitGrant : null;

/** Yields statements that may run at once; is given the rows of each. */
export type Program<T> = Generator<Statement[], T, ResultRow[][]>;

/** When a call runs and where its tables are (`schema`: a prefix with its dot, or empty). */
export interface Site {
  now: number;
  schema: string;
}

/** What a server said is about so old when it is noted: what stopped counting since is among what it counted. */
const NOTE_AGE_MS = 50;
/** Expired lines stay this long, so that deleting them never meets a report that extends them. */
const PURGE_AFTER_MS = 60_000;

/** A block's name carries its taker, so that a report needs no look-up. */
export function blockName(taker: string, unique: string): string {
  return `${taker}#${unique}`;
}

export function permitProgram<C extends PermitCall>(call: C, site: Site): Program<PermitResult<C>> {
  return program(call, site) as Program<PermitResult<C>>;
}

function program(call: PermitCall, site: Site): Program<PermitGrant | null> {
  switch (call.kind) {
    case 'take':
      return take(call, site);
    case 'report':
      return write(reportStatements(call.reports, site));
    case 'pause':
      return write([pauseStatement(call, site)]);
    case 'foreign':
      return noteForeign(call, site);
  }
}

function* write(statements: Statement[]): Program<null> {
  yield statements;
  return null;
}

function* take({ request, block }: { request: PermitRequest; block: string }, site: Site): Program<PermitGrant> {
  const { now } = site;
  const [pauses = [], waiting = [], held = []] = yield readStatements(request, site);
  const waiters = waiting.map(toWaiter);
  const pausedUntil = Number(pauses[0]?.['until'] ?? 0);
  const paused = pausedUntil > now;
  const others = waiters.filter((waiter) => waiter.taker !== request.taker);
  const uses = request.windows.map((window) => useOf(window, held));
  const { granted, retryAt } = paused
    ? { granted: 0, retryAt: pausedUntil }
    : decideGrant(request.want, uses, others, now);
  const lacking = request.want - granted;
  const statements: Statement[] = [];
  if (granted > 0)
    statements.push(...blockStatements(request, { block, granted }, site), ...purgeStatements(request, site));
  if (lacking > 0) statements.push(waitStatement(request, { want: lacking, dueAt: retryAt }, site));
  if (lacking === 0 && others.length < waiters.length) statements.push(waitOverStatement(request, site));
  if (statements.length > 0) yield statements;
  return {
    granted,
    block,
    retryInMs: granted > 0 ? 0 : retryAt - now,
    reason: granted > 0 ? null : paused ? 'paused' : 'window',
  };
}

/** The server counts ours too: only what the store does not know of was made by others. */
function* noteForeign({ window, requests }: { window: Window; requests: number }, site: Site): Program<null> {
  const [held = []] = yield [heldStatement([window.id], { ...site, now: site.now - NOTE_AGE_MS })];
  const unknown = requests - held.reduce((sum, row) => sum + Number(row['held']), 0);
  const freed = freesAt(site.now, window.perMs);
  if (unknown > 0) yield [answerStatement({ window: window.id, taker: '', freesAt: freed, count: unknown }, site)];
  return null;
}

function readStatements(request: PermitRequest, { now, schema }: Site): Statement[] {
  const ids = request.windows.map((window) => window.id);
  return [
    { sql: `SELECT until FROM ${schema}permit_pauses WHERE connection = ?`, params: [request.connection] },
    {
      sql: `SELECT taker, want, due_at FROM ${schema}permit_waiters WHERE connection = ? AND due_at > ?`,
      params: [request.connection, now - WAITER_GRACE_MS],
    },
    heldStatement(ids, { now, schema }),
  ];
}

function heldStatement(ids: readonly string[], { now, schema }: Site): Statement {
  const marks = ids.map(() => '?').join(', ') || 'NULL';
  return {
    // A block's permits may be answered at any moment after they were taken: the soonest they free is W after that.
    sql: `SELECT window_id, taker, SUM(count) AS held, MIN(next_at) AS next_at FROM (
              SELECT window_id, taker, count, frees_at AS next_at
                FROM ${schema}permit_answers WHERE window_id IN (${marks}) AND frees_at > ?
              UNION ALL
              SELECT window_id, taker, count, CASE WHEN frees_at - ${LEASE_MS} > ? THEN frees_at - ${LEASE_MS} ELSE frees_at END
                FROM ${schema}permit_blocks WHERE window_id IN (${marks}) AND frees_at > ?
            ) AS counted GROUP BY window_id, taker`,
    params: [...ids, now, now, ...ids, now],
  };
}

function useOf(window: Window, rows: readonly ResultRow[]): WindowUse {
  const own = rows.filter((row) => row['window_id'] === window.id);
  const held = new Map(own.map((row) => [String(row['taker']), Number(row['held'])]));
  const nextAt = own.length === 0 ? null : Math.min(...own.map((row) => Number(row['next_at'])));
  return { window, held, nextAt };
}

function toWaiter(row: ResultRow): Waiter {
  return { taker: String(row['taker']), want: Number(row['want']), dueAt: Number(row['due_at']) };
}

function blockStatements(
  request: PermitRequest,
  grant: { block: string; granted: number },
  { now, schema }: Site,
): Statement[] {
  return request.windows.map(({ id, perMs }) => ({
    sql: `INSERT INTO ${schema}permit_blocks (block, window_id, taker, count, frees_at) VALUES (?, ?, ?, ?, ?)`,
    params: [grant.block, id, request.taker, grant.granted, now + LEASE_MS + perMs],
  }));
}

function purgeStatements(request: PermitRequest, { now, schema }: Site): Statement[] {
  const before = now - PURGE_AFTER_MS;
  return request.windows.flatMap(({ id }) => [
    { sql: `DELETE FROM ${schema}permit_answers WHERE window_id = ? AND frees_at < ?`, params: [id, before] },
    { sql: `DELETE FROM ${schema}permit_blocks WHERE window_id = ? AND frees_at < ?`, params: [id, before] },
  ]);
}

function waitStatement(request: PermitRequest, wait: { want: number; dueAt: number }, { schema }: Site): Statement {
  return {
    sql: `INSERT INTO ${schema}permit_waiters (connection, taker, want, due_at) VALUES (?, ?, ?, ?)
          ON CONFLICT (connection, taker) DO UPDATE SET want = excluded.want, due_at = excluded.due_at`,
    params: [request.connection, request.taker, wait.want, wait.dueAt],
  };
}

function waitOverStatement(request: PermitRequest, { schema }: Site): Statement {
  return {
    sql: `DELETE FROM ${schema}permit_waiters WHERE connection = ? AND taker = ?`,
    params: [request.connection, request.taker],
  };
}

function pauseStatement(
  { connection, forMs }: { connection: string; forMs: number },
  { now, schema }: Site,
): Statement {
  return {
    sql: `INSERT INTO ${schema}permit_pauses AS pause (connection, until) VALUES (?, ?)
          ON CONFLICT (connection) DO UPDATE SET until = excluded.until WHERE excluded.until > pause.until`,
    params: [connection, Math.ceil(now + forMs)],
  };
}

function reportStatements(reports: readonly PermitReport[], site: Site): Statement[] {
  return [
    ...reports.flatMap((report) => report.windows.flatMap((window) => settleStatements(report, window, site))),
    ...answerStatements(reports, site),
  ];
}

/** Never below what is under way: a report that arrives twice must not free a permit. */
function settleStatements(report: PermitReport, window: Window, { now, schema }: Site): Statement[] {
  const { block, outstanding } = report;
  const settled = report.answered.length + report.unused;
  const left = `CASE WHEN held.count - ? > ? THEN held.count - ? ELSE ? END`;
  const change = [settled, outstanding, settled, outstanding];
  if (outstanding > 0) {
    return [
      {
        sql: `INSERT INTO ${schema}permit_blocks AS held (block, window_id, taker, count, frees_at) VALUES (?, ?, ?, ?, ?)
              ON CONFLICT (window_id, block) DO UPDATE SET count = ${left}, frees_at = excluded.frees_at`,
        params: [block, window.id, takerOf(block), outstanding, now + LEASE_MS + window.perMs, ...change],
      },
    ];
  }
  return [
    {
      sql: `UPDATE ${schema}permit_blocks AS held SET count = ${left} WHERE window_id = ? AND block = ?`,
      params: [...change, window.id, block],
    },
    {
      sql: `DELETE FROM ${schema}permit_blocks WHERE window_id = ? AND block = ? AND count <= 0`,
      params: [window.id, block],
    },
  ];
}

interface Answered {
  window: string;
  taker: string;
  freesAt: number;
  count: number;
}

/** Answers that free at the same time are counted in one line. */
function answerStatements(reports: readonly PermitReport[], site: Site): Statement[] {
  const lines = new Map<string, Answered>();
  for (const { block, windows, answered } of reports) {
    const taker = takerOf(block);
    for (const { id, perMs } of windows) {
      for (const age of answered) {
        const at = freesAt(site.now - age, perMs);
        if (at <= site.now) continue;
        const key = JSON.stringify([id, taker, at]);
        const line = lines.get(key) ?? { window: id, taker, freesAt: at, count: 0 };
        line.count += 1;
        lines.set(key, line);
      }
    }
  }
  return [...lines.values()].map((line) => answerStatement(line, site));
}

function answerStatement(line: Answered, { schema }: Site): Statement {
  return {
    sql: `INSERT INTO ${schema}permit_answers AS answer (window_id, frees_at, taker, count) VALUES (?, ?, ?, ?)
          ON CONFLICT (window_id, frees_at, taker) DO UPDATE SET count = answer.count + excluded.count`,
    params: [line.window, line.freesAt, line.taker, line.count],
  };
}

function takerOf(block: string): string {
  return block.slice(0, block.lastIndexOf('#'));
}
