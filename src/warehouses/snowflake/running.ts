/**
 * Statements as they run for one step: submitted to run by themselves in Snowflake, waited for, taken over by whoever
 * comes after a crash, cancelled when they are no longer wanted.
 */
import { hash, randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { UpriverError } from '../../core/errors.ts';
import type { RenderedSql } from '../bound-sql.ts';
import { type StatementWatch, watchStatement } from '../statement-watch.ts';
import type { StatementHandle, StatementOptions } from '../warehouse.ts';
import { driverBinds } from './binds.ts';
import type { Execution, SnowflakeClient } from './client.ts';
import { isVerdict } from './errors.ts';
import type { RowStatement } from './sdk.ts';

/** Pauses between looks at a running query: short ones are seen soon, long ones cost a look every two seconds. */
const FIRST_PAUSE_MS = 50;
const LONGEST_PAUSE_MS = 2_000;
/** A query that has just been submitted may not be known everywhere yet. */
const UNKNOWN_LOOKS = 6;
const UNKNOWN = new Set(['NO_DATA', 'NO_QUERY_DATA']);
/** BLOCKED waits for a lock, whatever the driver thinks of it; ABORTING is not over yet. */
const RUNNING = new Set([
  'RUNNING',
  'QUEUED',
  'QUEUED_REPARING_WAREHOUSE',
  'RESUMING_WAREHOUSE',
  'BLOCKED',
  'ABORTING',
  'RESTARTED',
]);

const LOST = 'REMOTE_WAREHOUSE_BROKEN';

/** Numbers, truth values and texts as text. */
export type RawRows = (string | null)[][];

export interface Submission extends RenderedSql {
  /** Which of a step's statements this is; the same in every attempt. */
  part: string;
  /** Statement parameters besides tag and timeout. */
  parameters?: Readonly<Record<string, string | number | boolean>>;
}

export class Running implements AsyncDisposable {
  readonly client: SnowflakeClient;
  readonly #options: StatementOptions;
  readonly #watch: StatementWatch;
  readonly #work: string;
  /** What an earlier attempt left, until it is used. */
  #resume: StatementHandle | undefined;
  /** The last request of each part. */
  readonly #requests = new Map<string, string>();
  /** Aborted when the statement has to end, so that no pause outlasts it. */
  readonly #ended = new AbortController();
  #current: RowStatement | string | null = null;
  #cancelling: Promise<void> | null = null;

  constructor(client: SnowflakeClient, options: StatementOptions) {
    this.client = client;
    this.#options = options;
    this.#work = options.work ?? randomUUID();
    this.#resume = options.resume;
    this.#watch = watchStatement(options, () => this.#cancel());
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  throwIfEnded(): void {
    this.#watch.throwIfEnded();
  }

  /** Runs a statement, or takes over the one that an earlier attempt submitted. Returns its query id when it succeeded. */
  async run(submission: Submission): Promise<string> {
    const earlier = await this.takeOver(submission.part);
    return earlier ?? this.submit(submission);
  }

  /** The result of a query that succeeded. */
  result(queryId: string): Promise<RowStatement> {
    return this.client.fetch(queryId);
  }

  /** A small result, whole. */
  async rows(queryId: string): Promise<RawRows> {
    return rawRows(await this.client.fetch(queryId));
  }

  /** The rows of a statement that is over at once and may be repeated. */
  async quick({ text, binds }: RenderedSql): Promise<RawRows> {
    return rawRows(await this.#execute(this.#execution(text, binds)));
  }

  /** The same, by the columns' names. */
  async records({ text, binds }: RenderedSql): Promise<Record<string, string | null>[]> {
    const statement = await this.#execute(this.#execution(text, binds));
    const names = namesOf(statement);
    const rows = await rawRows(statement);
    return rows.map((row) => Object.fromEntries(names.map((name, index) => [name, row[index] ?? null])));
  }

  /** Many rows by one statement with a `?` for each column. */
  async insert(text: string, rows: RawRows): Promise<void> {
    await this.#execute({ ...this.#execution(text, []), binds: rows });
  }

  async columns({ text, binds }: RenderedSql): Promise<string[]> {
    return namesOf(await this.#execute(this.#execution(text, binds)));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#watch[Symbol.dispose]();
    await this.#cancelling;
  }

  async submit({ part, text, binds, parameters }: Submission): Promise<string> {
    const { onHandle } = this.#options;
    this.throwIfEnded();
    const request = this.#requestOf(part);
    this.#requests.set(part, request);
    const execution = this.#execution(text, binds, parameters);
    const statement = await this.#execute({ ...execution, requestId: request, asyncExec: true });
    const query = statement.getQueryId();
    onHandle?.({ part, request, query });
    await this.#finish(statement, query);
    return query;
  }

  /** A query that succeeded, or still runs and will; one that failed is submitted anew. */
  async takeOver(part: string): Promise<string | null> {
    const query = this.#resume?.query;
    if (this.#resume?.part !== part || typeof query !== 'string') return null;
    this.#requests.set(part, String(this.#resume.request));
    this.#resume = undefined;
    try {
      await this.#finish(query, query);
      return query;
    } catch (error) {
      this.throwIfEnded();
      if (isVerdict(error) || isLost(error)) return null;
      throw error;
    }
  }

  /**
   * An attempt that died before its query id got out is followed by one that sends the same under the same request id, and
   * Snowflake knows the request. What is submitted anew is a request of its own, told from the one before.
   */
  #requestOf(part: string): string {
    return uuidOf([this.#work, part, this.#requests.get(part) ?? '']);
  }

  async #execute(execution: Execution): Promise<RowStatement> {
    this.throwIfEnded();
    try {
      return await this.client.execute(execution, (statement) => {
        this.#current = statement;
      });
    } finally {
      this.#current = null;
    }
  }

  async #finish(target: RowStatement | string, query: string): Promise<void> {
    this.#current = target;
    try {
      const status = await this.#lastStatus(query);
      if (status === 'SUCCESS') return;
      // Only the result has the error as Snowflake tells it.
      await this.client.fetch(query);
      throw lost(query, status);
    } finally {
      await this.#cancelling;
      this.#current = null;
    }
  }

  async #lastStatus(query: string): Promise<string> {
    let pause = FIRST_PAUSE_MS;
    for (let look = 1; ; look += 1) {
      this.#endIfWanted();
      const status = await this.client.status(query);
      const waits = RUNNING.has(status) || (UNKNOWN.has(status) && look < UNKNOWN_LOOKS);
      if (!waits) return status;
      await delay(pause, undefined, { signal: this.ended }).catch(() => {});
      pause = Math.min(pause * 1.5, LONGEST_PAUSE_MS);
    }
  }

  #endIfWanted(): void {
    try {
      this.throwIfEnded();
    } catch (error) {
      this.#cancel();
      throw error;
    }
  }

  /** Comes again until the statement has ended: one that Snowflake has not seen yet cannot be cancelled. */
  #cancel(): void {
    this.#ended.abort();
    if (this.#current === null || this.#cancelling !== null) return;
    this.#cancelling = cancel(this.client, this.#current).finally(() => {
      this.#cancelling = null;
    });
  }

  #execution(text: string, binds: RenderedSql['binds'], parameters: Submission['parameters'] = {}): Execution {
    const { tag, timeoutMs } = this.#options;
    return {
      sqlText: text,
      ...(binds.length > 0 ? { binds: driverBinds(binds) } : {}),
      parameters: {
        QUERY_TAG: JSON.stringify({ run: tag.run, river: tag.river, step: tag.step }),
        ...(timeoutMs === null ? {} : { STATEMENT_TIMEOUT_IN_SECONDS: Math.ceil(timeoutMs / 1000) }),
        ...parameters,
      },
    };
  }
}

/** Of version 8, which leaves the other digits to us (RFC 9562). */
function uuidOf(parts: readonly string[]): string {
  const digits = hash('sha256', JSON.stringify(parts));
  const [a, b, c, d, e] = [
    [0, 8],
    [8, 12],
    [12, 15],
    [15, 18],
    [18, 30],
  ].map((range) => digits.slice(...range));
  return `${a}-${b}-8${c}-8${d}-${e}`;
}

function namesOf(statement: RowStatement): string[] {
  return (statement.getColumns() ?? []).map((column) => column.getName());
}

async function rawRows(statement: RowStatement): Promise<RawRows> {
  const rows: RawRows = [];
  for await (const row of statement.streamRows({ fetchAsString: ['Number', 'Boolean'] })) rows.push(row);
  return rows;
}

/** Nobody waits for more than that the request was made: a statement that had ended by itself cannot be cancelled. */
async function cancel(client: SnowflakeClient, target: RowStatement | string): Promise<void> {
  if (typeof target !== 'string') return new Promise((resolve) => target.cancel(() => resolve()));
  // System functions take no binds; an id is hexadecimal.
  const id = target.replace(/[^\w-]/g, '');
  await client.execute({ sqlText: `SELECT SYSTEM$CANCEL_QUERY('${id}')` }).catch(() => {});
}

function lost(query: string, status: string): UpriverError {
  return new UpriverError(LOST, `Snowflake says of the query only that it is ${status}`, {
    hint: 'The step is tried again. Look the query up in Snowsight by its id if it happens again.',
    retry: true,
    context: { query_id: query },
  });
}

function isLost(error: unknown): boolean {
  return error instanceof UpriverError && error.code === LOST;
}
