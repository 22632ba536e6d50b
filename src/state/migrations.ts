/** The schema's history. A migration that was released is never edited; a change is a new one at the end. */
import { type Compilable, type CreateTableBuilder, type Kysely, sql } from 'kysely';
import { HISTOGRAM_COLUMNS, type Tables } from './schema.ts';

/** What the engines call the same thing. */
export interface ColumnTypes {
  integer: 'integer' | 'bigint';
  bytes: 'blob' | 'bytea';
  /** How a table gets a `num` that never comes twice. */
  identity: 'autoincrement' | 'identity';
  /** Whether rows can be stored in the primary key's own tree. */
  clustered: boolean;
}

type Schema = Kysely<Tables>['schema'];
type Migration = (schema: Schema, types: ColumnTypes) => Compilable[];

const MIGRATIONS: readonly Migration[] = [first, closedLoops, rowsetSources, riverWaiters];

/** SQL of each migration, in order; the schema's version is the number of those applied. */
export function compileMigrations(db: Kysely<Tables>, types: ColumnTypes): string[][] {
  return MIGRATIONS.map((migration) => migration(db.schema, types).map((statement) => statement.compile().sql));
}

function first(schema: Schema, types: ColumnTypes): Compilable[] {
  return [
    ...runTables(schema, types),
    ...rowsetTables(schema, types),
    ...loopTables(schema, types),
    ...permitTables(schema, types),
  ];
}

/** A loop that has ended can be told from one that is to be taken over. */
function closedLoops(schema: Schema): Compilable[] {
  return [schema.alterTable('loops').addColumn('closed', 'text')];
}

/** What an attempt left half written can be told to be of the same result. */
function rowsetSources(schema: Schema): Compilable[] {
  return [schema.alterTable('rowsets').addColumn('source', 'text')];
}

/** Runs that wait for their river get it in the order in which they came. */
function riverWaiters(schema: Schema, { integer }: ColumnTypes): Compilable[] {
  const table = schema
    .createTable('river_waiters')
    .addColumn('river', 'text', (c) => c.notNull())
    .addColumn('owner', 'text', (c) => c.notNull())
    .addColumn('since', integer, (c) => c.notNull());
  return [table.addPrimaryKeyConstraint('river_waiters_key', ['river', 'owner'])];
}

function runTables(schema: Schema, types: ColumnTypes): Compilable[] {
  const { integer } = types;
  return [
    numbered(schema.createTable('runs'), types)
      .addColumn('id', 'text', (c) => c.notNull().unique())
      .addColumn('river', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('started_at', integer, (c) => c.notNull())
      .addColumn('ended_at', integer)
      .addColumn('inputs', 'text', (c) => c.notNull())
      .addColumn('started_by', 'text', (c) => c.notNull())
      .addColumn('error', 'text')
      .addColumn('values_json', 'text')
      .addColumn('expires_at', integer),
    schema.createIndex('runs_by_river').on('runs').columns(['river', 'started_at']),
    schema.createIndex('runs_by_start').on('runs').column('started_at'),
    schema.createIndex('runs_by_expiry').on('runs').column('expires_at'),
    numbered(schema.createTable('steps'), types)
      .addColumn('run_id', 'text', (c) => c.notNull())
      .addColumn('step_id', 'text', (c) => c.notNull())
      .addColumn('type', 'text', (c) => c.notNull())
      .addColumn('status', 'text', (c) => c.notNull())
      .addColumn('attempts', integer, (c) => c.notNull())
      .addColumn('started_at', integer, (c) => c.notNull())
      .addColumn('ended_at', integer)
      .addColumn('counts', 'text')
      .addColumn('requests', integer)
      .addColumn('error', 'text')
      .addUniqueConstraint('steps_once', ['run_id', 'step_id']),
    schema
      .createTable('river_locks')
      .addColumn('river', 'text', (c) => c.notNull().primaryKey())
      .addColumn('owner', 'text', (c) => c.notNull()),
    schema
      .createTable('variables')
      .addColumn('river', 'text', (c) => c.notNull())
      .addColumn('name', 'text', (c) => c.notNull())
      .addColumn('value', 'text', (c) => c.notNull())
      .addPrimaryKeyConstraint('variables_key', ['river', 'name']),
  ];
}

function rowsetTables(schema: Schema, types: ColumnTypes): Compilable[] {
  const { integer, bytes } = types;
  return [
    numbered(schema.createTable('rowsets'), types)
      .addColumn('id', 'text', (c) => c.unique())
      .addColumn('run_id', 'text', (c) => c.notNull())
      .addColumn('columns', 'text', (c) => c.notNull())
      .addColumn('published', integer, (c) => c.notNull())
      .addColumn('row_count', integer, (c) => c.notNull())
      .addColumn('chunk_starts', 'text', (c) => c.notNull()),
    schema.createIndex('rowsets_by_run').on('rowsets').column('run_id'),
    schema
      .createTable('rowset_chunks')
      .addColumn('rowset', integer, (c) => c.notNull())
      .addColumn('chunk', integer, (c) => c.notNull())
      .addColumn('first_row', integer, (c) => c.notNull())
      .addColumn('row_count', integer, (c) => c.notNull())
      .addColumn('codec', 'text', (c) => c.notNull())
      .addColumn('data', bytes, (c) => c.notNull())
      .addPrimaryKeyConstraint('rowset_chunks_key', ['rowset', 'chunk']),
  ];
}

function loopTables(schema: Schema, types: ColumnTypes): Compilable[] {
  const { integer, bytes } = types;
  const chunks = HISTOGRAM_COLUMNS.reduce(
    (table, column) => table.addColumn(column, integer, (c) => c.notNull()),
    ofLoop(schema, types, { table: 'loop_chunks', key: 'chunk' }) as CreateTableBuilder<string, string>,
  );
  return [
    numbered(schema.createTable('loops'), types)
      .addColumn('run_id', 'text', (c) => c.notNull())
      .addColumn('path', 'text', (c) => c.notNull())
      .addColumn('rowset_id', 'text', (c) => c.notNull())
      .addColumn('row_count', integer, (c) => c.notNull())
      .addColumn('chunk_sizes', 'text', (c) => c.notNull())
      .addColumn('epoch', integer, (c) => c.notNull())
      .addColumn('requests', integer, (c) => c.notNull())
      .addUniqueConstraint('loops_once', ['run_id', 'path']),
    schema
      .createTable('loop_writers')
      .addColumn('loop', integer, (c) => c.notNull())
      .addColumn('writer', 'text', (c) => c.notNull())
      .addColumn('number', integer, (c) => c.notNull())
      .addPrimaryKeyConstraint('loop_writers_key', ['loop', 'writer']),
    chunks.addColumn('states', bytes, (c) => c.notNull()),
    ofLoop(schema, types, { table: 'loop_records', key: 'row' })
      .addColumn('key', 'text')
      .addColumn('outcome', 'text', (c) => c.notNull())
      .addColumn('code', 'text', (c) => c.notNull())
      .addColumn('message', 'text', (c) => c.notNull())
      .addColumn('http_status', integer)
      .addColumn('excerpt', 'text')
      .addColumn('attempts', integer, (c) => c.notNull()),
    ofLoop(schema, types, { table: 'loop_progress', key: 'row' })
      .addColumn('cursor', integer, (c) => c.notNull())
      .addColumn('outputs', 'text', (c) => c.notNull()),
    ofLoop(schema, types, { table: 'loop_outputs', key: 'row' })
      .addColumn('outputs', 'text', (c) => c.notNull())
      .addColumn('http_status', integer),
    numbered(schema.createTable('delivered_scopes'), types).addColumn('scope', 'text', (c) => c.notNull().unique()),
    clustered(
      schema
        .createTable('delivered')
        .addColumn('scope', integer, (c) => c.notNull())
        .addColumn('key', bytes, (c) => c.notNull())
        .addColumn('hash', bytes, (c) => c.notNull())
        .addPrimaryKeyConstraint('delivered_key', ['scope', 'key']),
      types,
    ),
  ];
}

function permitTables(schema: Schema, types: ColumnTypes): Compilable[] {
  const { integer } = types;
  return [
    schema
      .createTable('permit_blocks')
      .addColumn('block', 'text', (c) => c.notNull())
      .addColumn('window_id', 'text', (c) => c.notNull())
      .addColumn('taker', 'text', (c) => c.notNull())
      .addColumn('count', integer, (c) => c.notNull())
      .addColumn('frees_at', integer, (c) => c.notNull())
      .addPrimaryKeyConstraint('permit_blocks_key', ['window_id', 'block']),
    clustered(
      schema
        .createTable('permit_answers')
        .addColumn('window_id', 'text', (c) => c.notNull())
        .addColumn('frees_at', integer, (c) => c.notNull())
        .addColumn('taker', 'text', (c) => c.notNull())
        .addColumn('count', integer, (c) => c.notNull())
        .addPrimaryKeyConstraint('permit_answers_key', ['window_id', 'frees_at', 'taker']),
      types,
    ),
    schema
      .createTable('permit_waiters')
      .addColumn('connection', 'text', (c) => c.notNull())
      .addColumn('taker', 'text', (c) => c.notNull())
      .addColumn('want', integer, (c) => c.notNull())
      .addColumn('due_at', integer, (c) => c.notNull())
      .addPrimaryKeyConstraint('permit_waiters_key', ['connection', 'taker']),
    schema
      .createTable('permit_pauses')
      .addColumn('connection', 'text', (c) => c.notNull().primaryKey())
      .addColumn('until', integer, (c) => c.notNull()),
  ];
}

function numbered<T extends string>(table: CreateTableBuilder<T>, types: ColumnTypes): CreateTableBuilder<T, 'num'> {
  return table.addColumn('num', types.integer, (c) =>
    types.identity === 'autoincrement' ? c.primaryKey().autoIncrement() : c.primaryKey().generatedAlwaysAsIdentity(),
  );
}

function ofLoop(schema: Schema, types: ColumnTypes, name: { table: string; key: 'row' | 'chunk' }) {
  return schema
    .createTable(name.table)
    .addColumn('loop', types.integer, (c) => c.notNull())
    .addColumn(name.key, types.integer, (c) => c.notNull())
    .addPrimaryKeyConstraint(`${name.table}_key`, ['loop', name.key]);
}

function clustered<T extends string, C extends string>(table: CreateTableBuilder<T, C>, types: ColumnTypes) {
  return types.clustered ? table.modifyEnd(sql`without rowid`) : table;
}
