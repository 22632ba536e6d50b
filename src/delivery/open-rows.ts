/** Opens a row-by-row loop, a chunk at a time: which rows are to be walked. Unchanged ones are settled on the way. */
import type { OpenRows, OpenRowsInput } from '../contracts/activities.ts';
import { Ledger, type LedgerOptions } from './ledger.ts';
import { openLoop } from './loop-view.ts';
import { Rehearsal } from './rehearsal.ts';
import { RowSource } from './row-source.ts';
import type { RowTask } from './task.ts';

type Tools = Pick<LedgerOptions, 'store' | 'now' | 'sleep' | 'signal'>;

export async function openRows(input: OpenRowsInput, tools: Tools): Promise<OpenRows> {
  const { loop, run, fromChunk } = input;
  const { rowset, layout, deliveredScope } = await openLoop({ ...input, body: input.step.steps }, tools.store);
  const rehearsal = run.dryRun ? new Rehearsal(loop.path) : null;
  const store = rehearsal?.standInStore(tools.store, rowset.rows) ?? tools.store;
  const { epoch } = await store.claimLoop(loop);
  const ledger = new Ledger({ ...tools, store, loop, epoch, deliveredScope: null });
  const unchangedScope = run.full ? null : deliveredScope;
  // Rows walked step by step are never `sending`: nothing of them is in doubt here.
  const source = new RowSource({
    store,
    ledger,
    loop,
    rowset,
    fromChunk,
    layout,
    repeatable: true,
    askedLast: false,
    unchangedScope,
  });
  const tasks = await openTasks(source, input.fromRow);
  await ledger.flush();
  const { rows, requests } = await tools.store.countLoop(loop);
  return { rows, requests, chunk: tasks[0]?.chunk ?? null, ranges: rangesOf(tasks) };
}

/** Of the first chunk that has some. */
async function openTasks(source: RowSource, fromRow: number): Promise<RowTask[]> {
  while (await source.fill()) {
    const tasks = [...taken(source)].filter(({ row }) => row >= fromRow);
    if (tasks.length > 0) return tasks;
  }
  return [];
}

function* taken(source: RowSource): Generator<RowTask> {
  for (let task = source.take(); task !== undefined; task = source.take()) yield task;
}

function rangesOf(tasks: readonly RowTask[]): OpenRows['ranges'] {
  const ranges: OpenRows['ranges'] = [];
  for (const { row } of tasks) {
    const last = ranges.at(-1);
    if (last?.[1] === row - 1) last[1] = row;
    else ranges.push([row, row]);
  }
  return ranges;
}
