/** A loop's group commit as the engines write it: a fence, a writer's number, and rows to upsert. */
import { histogram } from '../core/outcomes.ts';
import type { LoopCommit, OutcomeRecord } from '../core/store.ts';
import type { Param } from './engine.ts';
import { packHashes } from './hashes.ts';
import { HISTOGRAM_COLUMNS } from './schema.ts';

/** A table whose rows belong to a loop and are replaced as a whole. The first column identifies a row within its loop. */
export interface LoopTable {
  name: string;
  columns: readonly { name: string; type: 'integer' | 'text' | 'bytes' }[];
}

export interface LoopChange {
  runId: string;
  path: string;
  epoch: number;
  requests: number;
  seq: LoopCommit['seq'];
  upserts: readonly { table: keyof typeof LOOP_TABLES; rows: readonly (readonly Param[])[] }[];
  /** Row numbers to delete from loop_progress. */
  progressDone: readonly number[];
  /** 16-byte keys and hashes, packed one after the other. */
  delivered: { scope: number; keys: Uint8Array; hashes: Uint8Array } | null;
}

export const LOOP_TABLES = {
  chunks: {
    name: 'loop_chunks',
    columns: [
      { name: 'chunk', type: 'integer' },
      ...HISTOGRAM_COLUMNS.map((name) => ({ name, type: 'integer' as const })),
      { name: 'states', type: 'bytes' },
    ],
  },
  records: {
    name: 'loop_records',
    columns: [
      { name: 'row', type: 'integer' },
      { name: 'key', type: 'text' },
      { name: 'outcome', type: 'text' },
      { name: 'code', type: 'text' },
      { name: 'message', type: 'text' },
      { name: 'http_status', type: 'integer' },
      { name: 'excerpt', type: 'text' },
      { name: 'attempts', type: 'integer' },
    ],
  },
  progress: {
    name: 'loop_progress',
    columns: [
      { name: 'row', type: 'integer' },
      { name: 'cursor', type: 'integer' },
      { name: 'outputs', type: 'text' },
    ],
  },
  outputs: {
    name: 'loop_outputs',
    columns: [
      { name: 'row', type: 'integer' },
      { name: 'outputs', type: 'text' },
      { name: 'http_status', type: 'integer' },
    ],
  },
} as const satisfies Record<string, LoopTable>;

/** `scope`: the number under which the commit's delivered hashes are kept. */
export function loopChange(commit: LoopCommit, scope: number | null): LoopChange {
  const { loop, epoch, requests, seq, delivered } = commit;
  const done = new Set(commit.progressDone);
  const upserts: LoopChange['upserts'] = [
    { table: 'chunks', rows: commit.chunks.map(({ chunk, states }) => [chunk, ...histogram(states), states]) },
    { table: 'records', rows: commit.records.map(recordRow) },
    {
      table: 'progress',
      rows: commit.progress.filter((p) => !done.has(p.row)).map((p) => [p.row, p.cursor, p.outputs]),
    },
    { table: 'outputs', rows: commit.outputs.map((o) => [o.row, o.outputs, o.httpStatus]) },
  ];
  return {
    ...loop,
    epoch,
    requests,
    seq,
    upserts: upserts.filter((upsert) => upsert.rows.length > 0),
    progressDone: [...done],
    delivered: scope === null || !delivered ? null : { scope, ...packHashes(delivered.hashes) },
  };
}

function recordRow(record: OutcomeRecord): Param[] {
  const { row, key, outcome, code, message, httpStatus, excerpt, attempts } = record;
  return [
    row,
    key,
    outcome,
    code,
    withoutNul(message),
    httpStatus,
    excerpt === null ? null : withoutNul(excerpt),
    attempts,
  ];
}

/** A reply may hold the one character that PostgreSQL's text cannot. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '\ufffd');
}
