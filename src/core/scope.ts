/** The names that templates may read: which a step uses, and those that are always there. */
import type { RunContext } from '../contracts/activities.ts';
import type { SqlText, StepPlan } from '../contracts/plan.ts';
import { compileValue } from './templates.ts';
import type { Scope, Value } from './values.ts';

/** `{run.…}` and `{river.…}`. `{row.number}` is added per row. */
export function builtIns(run: RunContext): { [name: string]: Value } {
  return {
    run: { id: run.runId, started_at: run.startedAt, scheduled_at: run.scheduledAt },
    river: { name: run.river },
  };
}

/** The part of a scope that any text in these steps could mention: only that travels to an activity. */
export function scopeFor(steps: readonly StepPlan[], scope: Scope): { [name: string]: Value } {
  const text = JSON.stringify(steps);
  return Object.fromEntries(Object.entries(scope).filter(([name]) => text.includes(name)));
}

/** Values of a statement's references, by their dotted path. */
export function sqlValues(sql: SqlText, scope: Scope): { [path: string]: Value } {
  const values: { [path: string]: Value } = {};
  for (const part of sql) {
    if (typeof part === 'string') continue;
    const path = 'bind' in part ? part.bind : part.identifier;
    values[path.join('.')] = compileValue(`{${path.join('.')}}`)(scope);
  }
  return values;
}
