/** What the store needs of a database engine: statements one by one, in a batch, and the few hot transactions. */
import {
  type CompiledQuery,
  type DatabaseConnection,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryCompiler,
} from 'kysely';
import type { LoopChange } from './commit.ts';
import type { FoundHashes } from './hashes.ts';
import type { PermitCall, PermitResult } from './permits.ts';
import type { Tables } from './schema.ts';

/** What a statement may be given. */
export type Param = string | number | null | Uint8Array;
export type ResultRow = Record<string, unknown>;

export interface Statement {
  sql: string;
  params: readonly Param[];
}

export interface Result {
  rows: ResultRow[];
  /** Rows inserted, updated or deleted by a statement without RETURNING. */
  changes: number;
}

/** Every method rejects with an UpriverError `STATE_…`. */
export interface Engine {
  /** Cold statements. Its transactions are not used: see `batch`. */
  readonly db: Kysely<Tables>;
  /** All of them in one transaction. */
  batch(statements: readonly Statement[]): Promise<Result[]>;
  /** One group commit of a loop. False: its epoch was overtaken. */
  commit(change: LoopChange): Promise<boolean>;
  /** The hash kept for each 16-byte key. `keys` are packed one after the other. */
  lookup(scope: number, keys: Uint8Array): Promise<FoundHashes>;
  /** Runs a transaction over the permits by the engine's clock, or at `now` if given. */
  permits<C extends PermitCall>(call: C, now: number | null): Promise<PermitResult<C>>;
  /** Facts for `doctor`. */
  facts(): Promise<Record<string, string>>;
  close(): Promise<void>;
}

/** Kysely over a function that runs one statement. */
export function kyselyOver(
  run: (statement: Statement) => Promise<Result>,
  parts: { adapter: DialectAdapter; compiler: QueryCompiler },
): Kysely<Tables> {
  const dialect: Dialect = {
    createAdapter: () => parts.adapter,
    createQueryCompiler: () => parts.compiler,
    createDriver: () => driverOver(run),
    createIntrospector: () => unsupported(),
  };
  return new Kysely<Tables>({ dialect });
}

/** A query builder's result as a plain statement, for `batch`. */
export function statement(query: { compile(): CompiledQuery<unknown> }): Statement {
  const { sql, parameters } = query.compile();
  return { sql, params: parameters as Param[] };
}

function driverOver(run: (statement: Statement) => Promise<Result>): Driver {
  const connection: DatabaseConnection = {
    async executeQuery<R>(query: CompiledQuery<unknown>) {
      const { rows, changes } = await run(statement({ compile: () => query }));
      return { rows: rows as R[], numAffectedRows: BigInt(changes) };
    },
    streamQuery: () => unsupported(),
  };
  return {
    init: async () => {},
    acquireConnection: async () => connection,
    beginTransaction: () => unsupported(),
    commitTransaction: () => unsupported(),
    rollbackTransaction: () => unsupported(),
    releaseConnection: async () => {},
    destroy: async () => {},
  };
}

function unsupported(): never {
  throw new Error('not used: transactions go through Engine.batch');
}
