/** Which columns are a loop's key, as the river's file says today. The store keeps outcomes, not plans. */
import type { LoopStep, StepPlan } from '../contracts/plan.ts';
import { placeOfIterator } from '../core/iterators.ts';
import { everyStep } from '../core/plan-slice.ts';
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
    const key = step.key.map((name) => step.iterators.find((iterator) => iterator.name === name));
    const places = key.map((iterator) => (iterator ? placeOfIterator(iterator, columns) : -1));
    return places.includes(-1) ? null : places;
  };
}

function findLoop(steps: readonly StepPlan[], id: string): LoopStep | undefined {
  return [...everyStep(steps)].find((step): step is LoopStep => step.type === 'loop' && step.id === id);
}
