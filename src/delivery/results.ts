/** A loop's results: a row per row, with its key, how it ended and what its actions put out. */
import type { ResultsInput } from '../contracts/activities.ts';
import { outcomeOf, RESULT_COLUMNS, ROW_STATE } from '../core/outcomes.ts';
import type { OutcomeRecord, StateStore } from '../core/store.ts';
import { decode, type Row, type Value } from '../core/values.ts';
import { type LoopView, openLoop } from './loop-view.ts';

export interface Results {
  columns: string[];
  /** One chunk's rows at a time. */
  chunks: AsyncIterable<Row[]>;
}

export async function openResults(input: ResultsInput, store: StateStore): Promise<Results> {
  const view = await openLoop({ ...input, body: input.step.steps }, store);
  const key = input.step.key.length > 0 ? input.step.key : ['row'];
  return { columns: [...key, ...RESULT_COLUMNS, ...input.outputs], chunks: chunksOf(input, view, store) };
}

async function* chunksOf(input: ResultsInput, view: LoopView, store: StateStore): AsyncGenerator<Row[]> {
  for (const [chunk, firstRow] of view.rowset.chunkStarts.entries()) {
    const lastRow = (view.rowset.chunkStarts[chunk + 1] ?? view.rowset.rows) - 1;
    const states = await store.readStates(input.loop, chunk);
    const { rows } = await store.readChunk(view.rowset.id, chunk);
    const records = await store.readRecords(input.loop, { afterRow: firstRow - 1, limit: lastRow - firstRow + 1 });
    const recordOf = new Map(records.map((record) => [record.row, record]));
    const kept = await store.readOutputs(input.loop, firstRow, lastRow);
    const keptOf = new Map(kept.map((one) => [one.row, one]));
    yield rows.map((text, index) => {
      const row = firstRow + index;
      const record = recordOf.get(row);
      const outputs = keptOf.get(row);
      return [
        ...keyOf(decode(text) as Row, row, view),
        ...ending(states[index] ?? ROW_STATE.pending, record, outputs?.httpStatus ?? null),
        ...outputsOf(outputs?.outputs, input.outputs),
      ];
    });
  }
}

function keyOf(values: Row, row: number, { layout }: LoopView): Value[] {
  return layout.key.length > 0 ? layout.key.map((column) => values[column] ?? null) : [row + 1];
}

function ending(state: number, record: OutcomeRecord | undefined, httpStatus: number | null): Value[] {
  return [outcomeOf(state), record?.httpStatus ?? httpStatus, record?.code ?? null, record?.message ?? null];
}

function outputsOf(text: string | undefined, names: readonly string[]): Value[] {
  const outputs = text ? (decode(text) as { [name: string]: Value }) : {};
  return names.map((name) => outputs[name] ?? null);
}
