/** Queries of the double: each runs once, by itself, and its result stays for whoever knows its id. */
import { randomUUID } from 'node:crypto';
import { splitStatements } from '../../../src/core/sql-template.ts';
import { gist } from './dialect.ts';
import type { Bindings, EngineResult, EngineSession } from './engine.ts';
import { CANCELLED, type Failure, failure, fromDuckdb } from './failures.ts';

export interface Request {
  sql: string;
  bindings: Bindings;
  parameters: Readonly<Record<string, unknown>>;
  requestId: string;
}

/** A statement that was run, for tests to look at. */
export interface Execution {
  sql: string;
  queryId: string;
  tag: string | undefined;
  parameters: Request['parameters'];
}

export interface Session {
  id: number;
  token: string;
  master: string;
  engine: EngineSession;
  role: string | null;
  warehouse: string | null;
  database: string | null;
  schema: string | null;
  settings: string[];
  /** Statements of a session run one after the other. */
  turn: Promise<unknown>;
}

export type Status = 'QUEUED' | 'RUNNING' | 'SUCCESS' | 'FAILED_WITH_ERROR' | 'ABORTED';

export class Query {
  readonly id = randomUUID();
  readonly request: Request;
  readonly session: Session;
  readonly children: Query[] = [];
  status: Status = 'RUNNING';
  result: EngineResult | null = null;
  failure: Failure | null = null;
  /** Never rejects. */
  done: Promise<void> = Promise.resolve();
  readonly #cancel = new AbortController();

  constructor(request: Request, session: Session) {
    this.request = request;
    this.session = session;
  }

  get cancelled(): AbortSignal {
    return this.#cancel.signal;
  }

  cancel(): void {
    this.#cancel.abort();
  }

  start(hooks: Hooks): void {
    const running = this.session.turn.then(() => this.#run(hooks));
    this.session.turn = running;
    this.done = running;
  }

  async #run(hooks: Hooks): Promise<void> {
    try {
      if (this.request.parameters.MULTI_STATEMENT_COUNT === 0) await this.#runAll(hooks);
      else this.result = await runOne(this, this.request.sql, hooks);
      this.status = 'SUCCESS';
    } catch (error) {
      this.failure = isFailure(error) ? error : fromDuckdb(error as Error);
      this.status = this.failure === CANCELLED ? 'ABORTED' : 'FAILED_WITH_ERROR';
      await this.session.engine.rollback();
    }
  }

  async #runAll(hooks: Hooks): Promise<void> {
    for (const { text } of splitStatements(this.request.sql, 'snowflake')) {
      const child = new Query({ ...this.request, sql: text }, this.session);
      this.children.push(child);
      hooks.register(child);
      child.result = await runOne(this, text, hooks);
      child.status = 'SUCCESS';
    }
  }
}

export interface Hooks {
  readonly suspended: boolean;
  register(query: Query): void;
  /** Waits as long as a test holds such statements. */
  gate(query: Query): Promise<void>;
  executed(execution: Execution): void;
  /** An answer that no table of DuckDB has. */
  answer(query: Query): Failure | null;
}

async function runOne(query: Query, sql: string, hooks: Hooks): Promise<EngineResult> {
  const { session, request, cancelled } = query;
  await hooks.gate(query);
  if (cancelled.aborted) throw CANCELLED;
  hooks.executed({
    sql,
    queryId: query.id,
    tag: request.parameters.QUERY_TAG as string | undefined,
    parameters: request.parameters,
  });
  const refused = hooks.answer(query);
  if (refused) throw refused;
  const known = ownStatement(session, sql, hooks);
  if (known !== null) return session.engine.run(known, {});
  const interrupt = setInterval(() => cancelled.aborted && session.engine.interrupt(), 20);
  try {
    return await session.engine.run(withSession(session, sql), request.bindings);
  } catch (error) {
    throw cancelled.aborted ? CANCELLED : error;
  } finally {
    clearInterval(interrupt);
  }
}

/** What DuckDB does not know: settings of the session, warehouses. */
function ownStatement(session: Session, sql: string, { suspended }: Hooks): string | null {
  const text = gist(sql);
  if (/^show warehouses/i.test(text)) {
    const [state, resumes] = suspended ? ['SUSPENDED', false] : ['STARTED', true];
    return `SELECT '${session.warehouse}' AS "name", '${state}' AS "state", '${resumes}' AS "auto_resume"`;
  }
  if (!/^alter session set /i.test(text)) return null;
  session.settings.push(text);
  return 'SELECT \'Statement executed successfully.\' AS "status"';
}

function withSession(session: Session, sql: string): string {
  const facts: Readonly<Record<string, string | null>> = {
    VERSION: '9.99.0',
    ACCOUNT: 'DOUBLE',
    USER: 'UPRIVER',
    ROLE: session.role,
    WAREHOUSE: session.warehouse,
    DATABASE: session.database,
    SCHEMA: session.schema,
  };
  return sql.replace(/\bcurrent_(version|account|user|role|warehouse|database|schema)\(\)/gi, (_, name: string) => {
    const value = facts[name.toUpperCase()];
    return value === null || value === undefined ? 'NULL' : `'${value}'`;
  });
}

function isFailure(error: unknown): error is Failure {
  return typeof error === 'object' && error !== null && !(error instanceof Error) && 'sqlState' in error;
}

export function noWarehouse(): Failure {
  return failure(
    '000606',
    '57P03',
    "No active warehouse selected in the current session.  Select an active warehouse with the 'use warehouse' command.",
  );
}
