/** The database files of a DuckDB connection: which there are, which are made, and which hold nothing. */
import { existsSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import type { DuckDBConnection } from '@duckdb/node-api';
import { UpriverError } from '../../core/errors.ts';
import type { WarehouseContext } from '../warehouse.ts';

const MEMORY = ':memory:';

interface DuckdbConfig {
  path: string;
  /** Database name in SQL → file. */
  attach?: Readonly<Record<string, string>>;
  /** Whether files that are not there are made; the folder around them must be there. */
  create?: boolean;
}

export interface DatabaseFile {
  /** Key in connections.yaml, for messages. */
  key: string;
  /** Name in SQL; null: the connection's own database. */
  alias: string | null;
  /** Absolute, or `:memory:`. */
  path: string;
  /** What DuckDB opens: the path, or memory in its place where nothing may be made. */
  opened: string;
  /** It was not there before it was opened. */
  isNew: boolean;
}

/** The connection's own file first. Throws CONFIG_DUCKDB_MISSING. */
export function filesOf(context: WarehouseContext): [DatabaseFile, ...DatabaseFile[]] {
  const { path, attach = {} } = context.config as unknown as DuckdbConfig;
  const attached = Object.entries(attach).map(([alias, file]) => fileOf(context, file, alias));
  return [fileOf(context, path, null), ...attached];
}

function fileOf(context: WarehouseContext, written: string, alias: string | null): DatabaseFile {
  const key = alias === null ? 'path' : `attach.${alias}`;
  if (written === MEMORY) return { key, alias, path: MEMORY, opened: MEMORY, isNew: false };
  const path = resolve(context.projectDir, written);
  const isNew = !existsSync(path);
  if (isNew) checkMayBeMade(context, key, path);
  return { key, alias, path, opened: isNew && context.makesNothing ? MEMORY : path, isNew };
}

function checkMayBeMade({ name, config }: WarehouseContext, key: string, file: string): void {
  const context = { connection: name, file };
  const relative = `\`${key}\` in connections.yaml (relative to the project)`;
  if (config['create'] === false) {
    throw new UpriverError('CONFIG_DUCKDB_MISSING', `connection ${name}: there is no DuckDB file ${file}`, {
      hint: `Correct ${relative}, or take \`create: false\` out to start with an empty file.`,
      context,
    });
  }
  if (existsSync(dirname(file))) return;
  throw new UpriverError(
    'CONFIG_DUCKDB_MISSING',
    `connection ${name}: there is no folder for the DuckDB file ${file}`,
    {
      hint: `Correct ${relative}, or make the folder ${dirname(file)}.`,
      context,
    },
  );
}

/**
 * What to ask where a table is not found: a mistyped path gives an empty database, not an error. Null: every file was
 * there and holds something.
 */
export async function askAboutFiles(
  connection: DuckDBConnection,
  files: readonly DatabaseFile[],
): Promise<string | null> {
  const reader = await connection.runAndReadAll(
    `SELECT path FROM duckdb_databases() AS d WHERE path IS NOT NULL
       AND NOT EXISTS (FROM duckdb_tables() AS t WHERE t.database_name = d.database_name)
       AND NOT EXISTS (FROM duckdb_views() AS v WHERE v.database_name = d.database_name AND NOT v.internal)`,
  );
  const empty = new Set(reader.getRows().map(([path]) => path));
  const suspects = files.filter((file) => file.isNew || empty.has(file.path));
  if (suspects.length === 0) return null;
  return suspects.map(({ path, key }) => `${path} is new or empty: is \`${key}\` in connections.yaml right?`).join(' ');
}
