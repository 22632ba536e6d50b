/** Which columns are a loop's key, as the river's file says today. The store keeps outcomes, not plans. */
import type { LoopStep, StepPlan } from '../contracts/plan.ts';
import type { LoopRecord } from '../core/store.ts';
import { type Project, planFor } from '../language/index.ts';

type KeyColumns = (loop: LoopRecord, columns: readonly string[]) => readonly number[] | null;

/** Null for a loop that has no key, or that the file no longer has. */
export function keyColumnsOf(project: Project, river: string): KeyColumns {
  const steps =
    project.rivers.has(river) && project.errors.length === 0 ? planFor(project, river).rivers[river]?.steps : undefined;
  return (loop, columns) => {
    const step = findLoop(steps ?? [], loop.path.split('/').at(-1) ?? '');
    if (!step || step.key.length === 0) return null;
    const places = step.key.map((name) => columnOf(step, name, columns));
    return places.includes(-1) ? null : places;
  };
}

function columnOf(step: LoopStep, name: string, columns: readonly string[]): number {
  const iterator = step.iterators.find((candidate) => candidate.name === name);
  if (!iterator) return -1;
  if ('position' in iterator) return iterator.position < columns.length ? iterator.position : -1;
  const exact = columns.indexOf(iterator.column);
  if (exact >= 0) return exact;
  return columns.findIndex((column) => column.toLowerCase() === iterator.column.toLowerCase());
}

function findLoop(steps: readonly StepPlan[], id: string): LoopStep | undefined {
  for (const step of steps) {
    if (step.type === 'loop' && step.id === id) return step;
    const inner =
      step.type === 'condition' ? step.branches.flatMap((branch) => branch.steps) : 'steps' in step ? step.steps : [];
    const found = findLoop(inner, id);
    if (found) return found;
  }
  return undefined;
}
