/** What a segment must know of its loop: where the rows are and which column is which. */
import type { SendInput } from '../contracts/activities.ts';
import type { LoopStep, StepPlan, TemplateValue } from '../contracts/plan.ts';
import { resolveIterators } from '../core/iterators.ts';
import { everyStep } from '../core/plan-slice.ts';
import type { LoopRecord, RowsetMeta, StateStore } from '../core/store.ts';
import { refsOf } from '../core/templates.ts';
import { rowsGone } from './row-reader.ts';

export interface LoopView {
  record: LoopRecord;
  rowset: RowsetMeta;
  /** Iterator names and the column of each. */
  iterators: readonly string[];
  columns: readonly number[];
  layout: RowLayout;
  /** Scope of delivered hashes; null: the loop does not keep them. */
  deliveredScope: string | null;
}

/** Where in a row's values things are. */
export interface RowLayout {
  /** Column of each key iterator. */
  key: readonly number[];
  /** Columns that the row supplies to the actions' inputs; null: hashes are not needed. */
  supplied: readonly number[] | null;
}

/** Opens a loop; an action step is a loop over one row without columns. */
export async function openLoop(
  input: Pick<SendInput, 'loop' | 'rowset' | 'step' | 'body' | 'run'>,
  store: StateStore,
): Promise<LoopView> {
  const rowset = await findRowset(input, store);
  const { step } = input;
  const columns = step ? resolveIterators(step.iterators, rowset.columns) : [];
  const iterators = step ? step.iterators.map(({ name }) => name) : [];
  const columnOf = (name: string) => columns[iterators.indexOf(name)] as number;
  const record = await store.openLoop({
    ...input.loop,
    rowsetId: rowset.id,
    rows: rowset.rows,
    chunkSizes: rowset.chunkStarts.map((start, index) => (rowset.chunkStarts[index + 1] ?? rowset.rows) - start),
  });
  const keepsHashes = step?.send === 'changed';
  return {
    record,
    rowset,
    iterators,
    columns,
    layout: {
      key: step?.key.map(columnOf) ?? [],
      supplied: keepsHashes ? suppliedIterators(input.body, iterators).map(columnOf) : null,
    },
    deliveredScope: keepsHashes ? deliveredScope(input.run.river, step) : null,
  };
}

/** Per river and loop: the key is in each hash. */
function deliveredScope(river: string, step: LoopStep): string {
  return `${river}/${step.id}`;
}

async function findRowset(
  { loop, rowset }: Pick<SendInput, 'loop' | 'rowset'>,
  store: StateStore,
): Promise<RowsetMeta> {
  if (rowset === null) return { id: '', runId: loop.runId, columns: [], rows: 1, chunkStarts: [0] };
  const found = await store.getRowset(rowset.$rowset);
  if (found) return found;
  throw rowsGone(loop.path);
}

/** Iterators that the body's steps are given, in a fixed order: what `send: changed` compares. */
export function suppliedIterators(body: readonly StepPlan[], iterators: readonly string[]): string[] {
  const used = new Set([...everyStep(body)].flatMap(givenTo));
  return iterators.filter((name) => used.has(name)).sort();
}

/** Names that a step is given: its inputs, a script's arguments, or what its SQL refers to. */
function givenTo(step: StepPlan): string[] {
  switch (step.type) {
    case 'sql':
      return step.sql.flatMap((part) => {
        if (typeof part === 'string') return [];
        const [name = ''] = 'bind' in part ? part.bind : part.identifier;
        return [name];
      });
    case 'action':
    case 'river':
      return namesIn(step.inputs);
    case 'script':
      return namesIn([step.run, step.inputs]);
    default:
      return [];
  }
}

function namesIn(template: TemplateValue): string[] {
  return refsOf(template).map(({ path }) => path[0] as string);
}
