/** A loop over the rows of a variable. */
import type { IteratorPlan, LoopStep, ResultsTarget, StepPlan, Tolerance } from '../contracts/plan.ts';
import { RESULT_COLUMNS } from '../core/outcomes.ts';
import { everyStep } from '../core/plan-slice.ts';
import { didYouMean } from '../core/suggest.ts';
import { checkTable, checkWarehouse } from './compile-sql.ts';
import { baseOf, checkVariable, compileSteps, type Parsed, type StepContext } from './compile-steps.ts';
import type { Path } from './source.ts';

export function compileLoop(step: Parsed<'loop'>, path: Path, context: StepContext): LoopStep {
  const iterators = iteratorPlans(step.as);
  const names = iterators.map(({ name }) => name);
  checkVariable(step.over, 'multiple', [...path, 'over'], context);
  checkIterators(step.as, [...path, 'as'], context);
  checkKey(step, names, path, context);
  const loop = { only: step.steps.length === 1 };
  const steps = compileSteps(step.steps, [...path, 'steps'], { ...context, loop, names: context.names.withRow(names) });
  const mode = isStream(steps) ? 'stream' : 'steps';
  const loopStep: LoopStep = {
    ...baseOf(step),
    type: 'loop',
    over: step.over,
    iterators,
    key: step.key ?? [],
    send: step.send,
    maxInFlight: step.max_in_flight,
    tolerate: toleranceOf(step.tolerate),
    stopAfter: step.stop_after === undefined ? null : toleranceOf(step.stop_after),
    results: step.results ? compileResults(step, [...path, 'results'], context) : null,
    mode,
    steps,
  };
  context.loops.push({ step: loopStep, path });
  if (step.results) checkResultColumns(loopStep, [...path, 'results'], context);
  return loopStep;
}

function iteratorPlans(as: Parsed<'loop'>['as']): IteratorPlan[] {
  if (Array.isArray(as)) return as.map((name, position) => ({ name, position }));
  return Object.entries(as).map(([name, column]) => ({ name, column }));
}

function checkIterators(as: Parsed<'loop'>['as'], path: Path, { file, names: around }: StepContext): void {
  const names = Array.isArray(as) ? as : Object.keys(as);
  for (const [index, name] of names.entries()) {
    const at = [...path, Array.isArray(as) ? index : name];
    const code = 'RIVER_DUPLICATE_NAME';
    if (names.indexOf(name) !== index) {
      file.add(at, {
        code,
        message: `the iterator '${name}' stands there twice`,
        hint: 'Give each column a name of its own.',
      });
    } else if (around.has(name) || around.multiple.includes(name)) {
      const message = `'${name}' is an input, a variable or an outer iterator already`;
      file.add(at, { code, message, hint: 'Give the iterator another name.' }, { at: 'key' });
    }
  }
}

function checkKey(step: Parsed<'loop'>, names: readonly string[], path: Path, { file }: StepContext): void {
  for (const [index, name] of (step.key ?? []).entries()) {
    if (names.includes(name)) continue;
    const message = `key names '${name}', which is not an iterator`;
    file.add([...path, 'key', index], { code: 'RIVER_UNKNOWN_ITERATOR', message, hint: didYouMean(name, names) });
  }
  if (step.send !== 'changed' || step.key) return;
  const hint = 'Add key: [iterators that identify a row].';
  file.add([...path, 'send'], {
    code: 'RIVER_CHANGED_NEEDS_KEY',
    message: 'send: changed needs a key, to know a row again',
    hint,
  });
}

function isStream(steps: readonly StepPlan[]): boolean {
  for (const { type } of everyStep(steps)) {
    if (type !== 'action' && type !== 'condition' && type !== 'sequence') return false;
  }
  return true;
}

function toleranceOf(written: number | string): Tolerance {
  return typeof written === 'number' ? { rows: written } : { percent: Number.parseFloat(written) };
}

function compileResults(step: Parsed<'loop'>, path: Path, context: StepContext): ResultsTarget | null {
  const { variable, connection, table, mode } = step.results ?? {};
  if (variable !== undefined && connection === undefined && table === undefined && mode === undefined) {
    checkVariable(variable, 'multiple', [...path, 'variable'], context);
    return { kind: 'variable', variable };
  }
  if (variable === undefined && connection !== undefined && table !== undefined) {
    checkWarehouse(connection, [...path, 'connection'], context);
    checkTable(table, [...path, 'table'], context);
    return { kind: 'table', connection, table, mode: mode ?? 'append' };
  }
  const hint = 'Write { variable: … } or { connection: …, table: …, mode: … }.';
  context.file.add(path, { code: 'RIVER_CONFLICT', message: 'results go to a variable or to a table', hint });
  return null;
}

/** No two columns of the results may have one name, in any case. */
function checkResultColumns({ key, steps }: LoopStep, path: Path, { file, registry }: StepContext): void {
  const taken = new Set(RESULT_COLUMNS as readonly string[]);
  const refuse = (name: string, whose: string, hint: string): void =>
    file.add(path, {
      code: 'RIVER_DUPLICATE_NAME',
      message: `results have a column '${name.toLowerCase()}' already; ${whose} would be a second one`,
      hint,
    });
  for (const name of key) {
    if (taken.has(name.toLowerCase())) refuse(name, `the key's iterator '${name}'`, 'Give the iterator another name.');
  }
  for (const name of key.length > 0 ? key : ['row']) taken.add(name.toLowerCase());
  const actions = [...everyStep(steps)].flatMap((step) => (step.type === 'action' ? [step.action] : []));
  for (const action of new Set(actions)) {
    for (const output of registry.actions.get(action)?.outputs ?? []) {
      if (!taken.has(output.toLowerCase())) continue;
      refuse(output, `the output '${output}' of ${action}`, 'Give the output another name, in the action.');
    }
  }
}
