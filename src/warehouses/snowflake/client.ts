/** One session with Snowflake, logged in again whenever it was lost, with promises instead of the driver's callbacks. */
import { setTimeout as delay } from 'node:timers/promises';
import type { ConnectionOptions } from 'snowflake-sdk';
import { isOfDriver, isSessionLost, isUnreachable, loginError } from './errors.ts';
import { tokenError } from './oauth-errors.ts';
import { type Connection, loadSdk, type RowStatement, type SnowflakeError, type StatementOption } from './sdk.ts';

export interface Login {
  /** The connection's name, for messages. */
  name: string;
  options: ConnectionOptions;
}

export type Execution = Omit<StatementOption, 'complete' | 'streamResult'>;

/**
 * For the whole session. A statement outlives the client that sent it (so that a restarted worker can find it); an error
 * inside a transaction ends the transaction; JSON comes compact, and is JSON.
 */
const SESSION =
  'ALTER SESSION SET ABORT_DETACHED_QUERY = FALSE TRANSACTION_ABORT_ON_ERROR = TRUE STRICT_JSON_OUTPUT = TRUE JSON_INDENT = 0';
/** Calls for a query's status are the only ones that the driver does not try again by itself. */
const STATUS_TRIES = 6;
const STATUS_PAUSE_MS = 250;
const LONGEST_PAUSE_MS = 4_000;
const LOGOUT_MS = 3_000;

export class SnowflakeClient implements AsyncDisposable {
  readonly #login: Login;
  #connection: Promise<Connection>;

  private constructor(login: Login, connection: Connection) {
    this.#login = login;
    this.#connection = Promise.resolve(connection);
  }

  static async open(login: Login): Promise<SnowflakeClient> {
    return new SnowflakeClient(login, await logIn(login));
  }

  /** Temporary tables live as long as this stays the same. */
  get session(): Promise<unknown> {
    return this.#connection;
  }

  /** @param onSent gets the statement as soon as it is on its way, to cancel it */
  execute(execution: Execution, onSent?: (statement: RowStatement) => void): Promise<RowStatement> {
    return this.#kept((connection) => executeOn(connection, execution, onSent));
  }

  /** The result of a query that has ended, from whatever session. */
  fetch(queryId: string): Promise<RowStatement> {
    return this.#kept(
      (connection) =>
        new Promise((resolve, reject) => {
          connection.fetchResult({ queryId, streamResult: true, complete: settle(resolve, reject) });
        }),
    );
  }

  async status(queryId: string): Promise<string> {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return await this.#kept((connection) => connection.getQueryStatus(queryId));
      } catch (error) {
        if (attempt === STATUS_TRIES || !isUnreachable(error)) throw error;
        await delay(Math.min(STATUS_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS));
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const connection = await this.#connection.catch(() => null);
    if (!connection) return;
    // A session that cannot log out ends by itself, and nobody waits for it.
    const loggedOut = new Promise<void>((resolve) => connection.destroy(() => resolve()));
    await Promise.race([loggedOut, delay(LOGOUT_MS, undefined, { ref: false })]);
  }

  /** A request that was refused because the session had ended was not done: it is sent again in a new one. */
  async #kept<T>(call: (connection: Connection) => Promise<T>): Promise<T> {
    const current = this.#connection;
    try {
      return await call(await current);
    } catch (error) {
      if (!isSessionLost(error)) throw error;
      if (this.#connection === current) this.#connection = logIn(this.#login);
      return call(await this.#connection);
    }
  }
}

/** `connectAsync` resolves on a wrong password: only the callback hears of it. */
async function logIn({ name, options }: Login): Promise<Connection> {
  const sdk = await loadSdk();
  try {
    // The driver wipes the password from the options that it was given.
    const connection = sdk.createConnection({ ...options });
    await new Promise<void>((resolve, reject) => {
      connection.connect((error) => (error ? reject(error) : resolve()));
    });
    await executeOn(connection, { sqlText: SESSION });
    return connection;
  } catch (error) {
    const fetchesToken = options.authenticator === 'OAUTH_CLIENT_CREDENTIALS';
    if (fetchesToken && error instanceof Error && !isOfDriver(error)) throw tokenError(error, name);
    throw loginError(error, name, options.account ?? '');
  }
}

/** Without `streamResult` a failed statement would be sent twice. */
function executeOn(
  connection: Connection,
  execution: Execution,
  onSent?: (statement: RowStatement) => void,
): Promise<RowStatement> {
  return new Promise((resolve, reject) => {
    const statement = connection.execute({ ...execution, streamResult: true, complete: settle(resolve, reject) });
    onSent?.(statement);
  });
}

/** Whatever a callback throws is swallowed by the driver, so it does nothing else. */
function settle(resolve: (statement: RowStatement) => void, reject: (error: SnowflakeError) => void) {
  return (error: SnowflakeError | undefined, statement: RowStatement) => (error ? reject(error) : resolve(statement));
}
