/** Columns that steps name, against those that their query selects, where its text tells them without a doubt. */
import type { LoopStep, SqlStep, StepPlan } from '../contracts/plan.ts';
import { keyColumn, resolveIterators } from '../core/iterators.ts';
import { everyStep } from '../core/plan-slice.ts';
import type { FileProblems } from './problems.ts';
import type { Registry } from './registry.ts';
import { selectedColumns } from './select-list.ts';
import type { Path } from './source.ts';

export interface LoopAt {
  step: LoopStep;
  path: Path;
}

interface Around {
  file: FileProblems;
  registry: Registry;
}

/** `steps`: all of the river, in which the loops are. */
export function checkLoopColumns(loops: readonly LoopAt[], steps: readonly StepPlan[], around: Around): void {
  const all = [...everyStep(steps)];
  for (const loop of loops) {
    const columns = columnsOf(loop.step.over, all, around.registry);
    if (columns) checkIterators(loop, columns, around.file);
  }
}

/** Of the rows in a variable; null: not known, or not for sure. */
function columnsOf(variable: string, steps: readonly StepPlan[], registry: Registry): string[] | null {
  const [filling, ...others] = steps.filter((step) => fills(step, variable));
  return filling?.type === 'sql' && others.length === 0 ? columnsOfQuery(filling, registry) : null;
}

function fills(step: StepPlan, variable: string): boolean {
  if (step.type !== 'sql') return step.type === 'loop' && variableOf(step.results) === variable;
  return variableOf(step.target) === variable;
}

function variableOf(target: SqlStep['target'] | LoopStep['results']): string | null {
  return target?.kind === 'variable' ? target.variable : null;
}

function columnsOfQuery({ sql, connection }: SqlStep, registry: Registry): string[] | null {
  const type = registry.connections.get(connection)?.plan.type;
  return type === undefined || type === 'http' ? null : selectedColumns(sql, type);
}

function checkIterators({ step, path }: LoopAt, columns: string[], file: FileProblems): void {
  for (const [index, iterator] of step.iterators.entries()) {
    const at = [...path, 'as', 'column' in iterator ? iterator.name : index];
    file.check(at, () => resolveIterators([iterator], columns));
  }
}

export function checkMergeKey(step: SqlStep, path: Path, { file, registry }: Around): void {
  const key = step.target?.kind === 'table' ? step.target.key : [];
  const columns = key.length > 0 ? columnsOfQuery(step, registry) : null;
  if (columns === null) return;
  for (const [index, name] of key.entries()) {
    file.check([...path, 'target', 'key', index], () => keyColumn(name, columns));
  }
}
