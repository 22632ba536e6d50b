/** Keeps how rows of a row-by-row loop ended: one commit for all that ended since the last. */
import type { FinishRowsResult, RowRef, SettledRow, SettleRowsInput } from '../contracts/activities.ts';
import { ROW_STATE } from '../core/outcomes.ts';
import type { ChunkStates, DeliveredHash, LoopCommit, OutcomeRecord, StateStore } from '../core/store.ts';
import { compileText } from '../core/templates.ts';
import { decode, encode, type Value } from '../core/values.ts';
import { hash128, unsure } from './hash.ts';
import { fencedError } from './ledger.ts';
import { type LoopView, openLoop } from './loop-view.ts';
import { type RowReader, scopeOf } from './row-reader.ts';
import { keyText } from './row-source.ts';

const MESSAGE_CHARS = 500;

interface Tools {
  store: StateStore;
  rows: RowReader;
  /** Whose settlements are numbered: a workflow that was reset counts anew. */
  writer: string;
}

export async function settleRows(input: SettleRowsInput, tools: Tools): Promise<FinishRowsResult> {
  const { store } = tools;
  const { loop, settled, number } = input;
  const view = await openLoop({ ...input, body: input.step.steps }, store);
  const { epoch } = await store.claimLoop(loop);
  const context: Context = { input, view, ...tools };
  const committed = await store.commitLoop({
    loop,
    epoch,
    chunks: await chunksOf(context),
    records: await recordsOf(context),
    delivered: await deliveredOf(context),
    outputs: await outputsOf(context),
    progress: [],
    progressDone: [],
    requests: settled.reduce((sum, { requests }) => sum + requests, 0),
    seq: { writer: tools.writer, number },
  });
  if (!committed) throw fencedError();
  const { rows, requests } = await store.countLoop(loop);
  return { rows, requests };
}

interface Context extends Tools {
  input: SettleRowsInput;
  view: LoopView;
}

async function chunksOf({ input, view, store }: Context): Promise<ChunkStates[]> {
  const { chunkStarts } = view.rowset;
  const chunks = new Map<number, Uint8Array>();
  for (const { row, outcome } of input.settled) {
    const chunk = chunkStarts.findLastIndex((start) => start <= row);
    const states = chunks.get(chunk) ?? (await store.readStates(input.loop, chunk));
    states[row - (chunkStarts[chunk] ?? 0)] = ROW_STATE[outcome];
    chunks.set(chunk, states);
  }
  return [...chunks].map(([chunk, states]) => ({ chunk, states }));
}

async function recordsOf(context: Context): Promise<OutcomeRecord[]> {
  const noted = context.input.settled.filter(({ outcome }) => outcome !== 'delivered');
  return Promise.all(noted.map((settled) => recordOf(settled, context)));
}

async function recordOf(settled: SettledRow, context: Context): Promise<OutcomeRecord> {
  const { input, view, store, rows } = context;
  const { row, outcome, code, from } = settled;
  const { key: columns } = view.layout;
  const key = columns.length > 0 ? keyText(await rows.values(view.rowset.id, row), columns) : null;
  const [known] = from === null ? [] : await store.readRecords({ ...input.loop, path: from }, { limit: 1 });
  const own = { code, message: await messageOf(settled, context), httpStatus: null, excerpt: null, attempts: 1 };
  return { ...own, ...known, row, key, outcome };
}

async function messageOf({ row, message }: SettledRow, { input, rows }: Context): Promise<string> {
  if (typeof message === 'string') return message.slice(0, MESSAGE_CHARS);
  const { run, step, rowset, around } = input;
  const ref: RowRef = { rowset: rowset.$rowset, row, iterators: step.iterators };
  const scope = await scopeOf({ run, scope: message.scope, rows: [...around, ref] }, rows);
  return compileText(message.template)(scope).slice(0, MESSAGE_CHARS);
}

/** Hashes of what was delivered, for `send: changed`. Of a row that ended badly some steps may have been done. */
async function deliveredOf({ input, view, rows }: Context): Promise<LoopCommit['delivered']> {
  const { deliveredScope, layout, rowset } = view;
  if (deliveredScope === null || input.run.dryRun) return null;
  const hashes: DeliveredHash[] = [];
  for (const { row, outcome } of input.settled) {
    if (outcome === 'skipped') continue;
    const values = await rows.values(rowset.id, row);
    const own = { key: hash128(keyText(values, layout.key)), hash: hash128(keyText(values, layout.supplied ?? [])) };
    hashes.push(outcome === 'delivered' ? own : unsure(own));
  }
  return hashes.length > 0 ? { scope: deliveredScope, hashes } : null;
}

/** What the rows' actions put out, for `results`: each is a loop of its own over one row. */
async function outputsOf({ input, store }: Context): Promise<LoopCommit['outputs']> {
  const kept: { row: number; outputs: string; httpStatus: number | null }[] = [];
  for (const { row, actions } of input.settled) {
    const found = (await Promise.all(actions.map((path) => store.readOutputs({ ...input.loop, path }, 0, 0)))).flat();
    if (found.length === 0) continue;
    const outputs = Object.assign({}, ...found.map((one) => decode(one.outputs))) as { [name: string]: Value };
    kept.push({ row, outputs: encode(outputs), httpStatus: found.at(-1)?.httpStatus ?? null });
  }
  return kept;
}
