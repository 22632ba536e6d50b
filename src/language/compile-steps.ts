/** Steps of a river → their plans. Each step is checked by itself, whatever is wrong with its neighbours. */
import type {
  ConditionStep,
  Json,
  ParallelStep,
  RiverStep,
  ScriptStep,
  SequenceStep,
  StepBase,
  StepPlan,
} from '../contracts/plan.ts';
import type { UpriverError } from '../core/errors.ts';
import { calledInput } from '../core/inputs.ts';
import { didYouMean } from '../core/suggest.ts';
import type { LoopAt } from './check-columns.ts';
import { compileActionStep } from './compile-action-step.ts';
import { compileLoop } from './compile-loop.ts';
import { compileSqlStep } from './compile-sql.ts';
import { checkCondition, checkTemplate, type Names } from './names.ts';
import { parseWith } from './parse.ts';
import type { FileProblems } from './problems.ts';
import type { Registry, RiverShell } from './registry.ts';
import { Step } from './schema/steps.ts';
import type { Path } from './source.ts';

/** What is around a step. */
export interface StepContext {
  file: FileProblems;
  registry: Registry;
  shell: RiverShell;
  names: Names;
  /** The loop whose body this is part of; `only`: the step is all of that body. */
  loop: { only: boolean } | null;
  /** Ids so far, of the whole river, and where each stands. */
  ids: Map<string, Path>;
  /** Loops so far: what they walk may be filled by steps anywhere. */
  loops: LoopAt[];
}

export type Parsed<Type extends Step['type']> = Extract<Step, { type: Type }>;

export function compileSteps(steps: readonly unknown[], path: Path, context: StepContext): StepPlan[] {
  return steps.flatMap((step, index) => compileStep(step, [...path, index], context) ?? []);
}

function compileStep(raw: unknown, path: Path, context: StepContext): StepPlan | null {
  const { file } = context;
  checkId(raw, path, context);
  const step = parseWith(Step, raw, { file, path, fallbacks: { id: 'step' } });
  if (step === undefined) {
    checkInside(raw, path, context);
    return null;
  }
  switch (step.type) {
    case 'sql':
      return compileSqlStep(step, path, context);
    case 'action':
      return compileActionStep(step, path, context);
    case 'loop':
      return compileLoop(step, path, context);
    case 'sequence':
    case 'parallel':
      return compileContainer(step, path, context);
    case 'condition':
      return compileCondition(step, path, context);
    case 'river':
      return compileRiverStep(step, path, context);
    case 'script':
      return compileScript(step, path, context);
  }
}

/** A container that is wrong itself still has its steps checked. */
function checkInside(raw: unknown, path: Path, context: StepContext): void {
  if (typeof raw !== 'object' || raw === null) return;
  const { type, steps, branches, as } = raw as Record<string, unknown>;
  if (Array.isArray(steps)) {
    const isLoop = type === 'loop' || as !== undefined;
    compileSteps(steps, [...path, 'steps'], isLoop ? insideBrokenLoop(as, steps.length, context) : inner(context));
  }
  if (!Array.isArray(branches)) return;
  for (const [index, branch] of branches.entries()) {
    const inner = (branch as { steps?: unknown } | null)?.steps;
    if (Array.isArray(inner)) compileSteps(inner, [...path, 'branches', index, 'steps'], context);
  }
}

/** Iterators that cannot be read may be anything: the body must not be full of false alarms. */
function insideBrokenLoop(as: unknown, length: number, context: StepContext): StepContext {
  const names: unknown[] = Array.isArray(as) ? as : typeof as === 'object' && as !== null ? Object.keys(as) : [null];
  const known = names.every((name) => typeof name === 'string');
  const around = known ? context.names.withRow(names as string[]) : context.names.withRow([]).orAny();
  return { ...context, loop: { only: length === 1 }, names: around };
}

function checkId(raw: unknown, path: Path, { file, ids }: StepContext): void {
  const id = (raw as { id?: unknown } | null)?.id;
  if (typeof id !== 'string') return;
  const first = ids.get(id);
  if (!first) {
    ids.set(id, [...path, 'id']);
    return;
  }
  const { line } = file.source.position(first);
  file.add([...path, 'id'], {
    code: 'RIVER_DUPLICATE_STEP',
    message: `there is a step '${id}' already, on line ${line}`,
    hint: 'Give every step of the river an id of its own.',
  });
}

export function baseOf(step: Step): StepBase {
  const { retry } = step;
  return {
    id: step.id,
    name: step.name ?? null,
    enabled: step.enabled,
    onError: step.on_error,
    retry: retry ? { attempts: retry.attempts, initialMs: retry.initial, maxMs: retry.max } : null,
    timeoutMs: step.timeout ?? null,
  };
}

function compileContainer(
  step: Parsed<'sequence' | 'parallel'>,
  path: Path,
  context: StepContext,
): SequenceStep | ParallelStep {
  return { ...baseOf(step), type: step.type, steps: compileSteps(step.steps, [...path, 'steps'], inner(context)) };
}

/** Deeper in a body no step is all of it. */
function inner(context: StepContext): StepContext {
  return { ...context, loop: context.loop && { only: false } };
}

function compileCondition(step: Parsed<'condition'>, path: Path, context: StepContext): ConditionStep {
  const { file, names } = context;
  const branches = step.branches.map((branch, index) => {
    const at = [...path, 'branches', index];
    const last = index === step.branches.length - 1;
    checkBranch(branch, last, file, at);
    if (branch.if !== undefined) checkCondition(branch.if, names, file, [...at, 'if']);
    if (branch.message !== undefined) checkTemplate(branch.message, names, file, [...at, 'message']);
    return {
      if: branch.else ? null : (branch.if ?? null),
      then: branch.then ?? ('steps' as const),
      message: branch.message ?? null,
      steps: compileSteps(branch.steps ?? [], [...at, 'steps'], inner(context)),
    };
  });
  return { ...baseOf(step), type: 'condition', branches };
}

type Branch = Parsed<'condition'>['branches'][number];

function checkBranch(branch: Branch, last: boolean, file: FileProblems, at: Path): void {
  const add = (key: string[], code: string, message: string, hint: string): void =>
    file.add([...at, ...key], { code, message, hint }, { at: 'key' });
  if (branch.if === undefined && !branch.else)
    add([], 'RIVER_MISSING_KEY', "a branch needs 'if' or 'else'", "Add if: 'n > 0', or else: true to the last one.");
  if (branch.if !== undefined && branch.else)
    add(['else'], 'RIVER_CONFLICT', 'a branch has if or else, not both', 'Keep one of the two.');
  if (branch.else && !last)
    add(['else'], 'RIVER_CONFLICT', 'what comes after else is never reached', 'Make else the last branch.');
  if (branch.then === undefined && !branch.steps)
    add([], 'RIVER_MISSING_KEY', "a branch needs 'then' or 'steps'", 'Add then: stop, skip or fail, or steps: […].');
  if (branch.then !== undefined && branch.steps)
    add(['then'], 'RIVER_CONFLICT', 'a branch has then or steps, not both', 'Keep one of the two.');
  if (branch.message !== undefined && branch.then !== 'fail')
    add(['message'], 'RIVER_CONFLICT', 'message goes with then: fail', 'Take it out, or fail.');
}

function compileRiverStep(step: Parsed<'river'>, path: Path, context: StepContext): RiverStep {
  const { file, registry, shell } = context;
  const { id: _, river, inputs, outputs, wait } = step;
  shell.calls.push({ river, path: [...path, 'river'] });
  const called = registry.rivers.get(river);
  if (called === undefined) {
    const hint = didYouMean(river, registry.rivers.keys());
    file.add([...path, 'river'], { code: 'RIVER_UNKNOWN_RIVER', message: `no river is named '${river}'`, hint });
  }
  if (called) {
    checkInputs({ step: `river ${river}`, inputs: called.inputs, given: inputs, path }, context);
    checkTypes(called.inputs, inputs, path, file);
    checkOutputs(called.variables, outputs, path, file);
  }
  checkTemplate(inputs, context.names, file, [...path, 'inputs']);
  checkOutputVariables(outputs, path, context);
  if (!wait && Object.keys(outputs).length > 0) {
    const hint = 'Wait for it, or take the outputs out.';
    file.add(
      [...path, 'outputs'],
      { code: 'RIVER_CONFLICT', message: 'a river that is not waited for has no outputs', hint },
      { at: 'key' },
    );
  }
  return { ...baseOf(step), type: 'river', river, inputs, outputs, wait };
}

/** What is written out; of references it is known when the river is called. */
function checkTypes(
  types: RiverShell['inputs'],
  given: Readonly<Record<string, Json>>,
  path: Path,
  file: FileProblems,
): void {
  for (const [name, value] of Object.entries(given)) {
    const known = typeof value !== 'object' && !String(value).includes('{');
    if (!known || !Object.hasOwn(types, name)) continue;
    try {
      calledInput(name, types[name]!.type, value);
    } catch (error) {
      const { code, message, hint = '' } = error as UpriverError;
      file.add([...path, 'inputs', name], { code, message, hint });
    }
  }
}

function checkOutputs(
  variables: RiverShell['variables'],
  outputs: Record<string, string>,
  path: Path,
  file: FileProblems,
): void {
  const single = Object.keys(variables).filter((name) => !variables[name]!.multiple);
  for (const name of Object.keys(outputs)) {
    if (!single.includes(name)) file.add([...path, 'outputs', name], unknownOutput(name, single), { at: 'key' });
  }
}

export function unknownOutput(name: string, known: readonly string[]): { code: string; message: string; hint: string } {
  return {
    code: 'RIVER_UNKNOWN_OUTPUT',
    message: `there is no output '${name}'`,
    hint: didYouMean(name, known, 'It has no outputs.'),
  };
}

function compileScript(step: Parsed<'script'>, path: Path, context: StepContext): ScriptStep {
  const { run, inputs, outputs } = step;
  checkTemplate(run, context.names, context.file, [...path, 'run']);
  checkTemplate(inputs, context.names, context.file, [...path, 'inputs']);
  checkOutputVariables(outputs, path, context);
  return { ...baseOf(step), type: 'script', run, inputs, outputs };
}

interface GivenInputs {
  /** Whose inputs, for messages. */
  step: string;
  inputs: Readonly<Record<string, { required: boolean }>>;
  given: Readonly<Record<string, Json>>;
  path: Path;
}

/** Inputs that are not there, and those that are missing. */
export function checkInputs({ step, inputs, given, path }: GivenInputs, { file }: StepContext): void {
  for (const name of Object.keys(given)) {
    if (Object.hasOwn(inputs, name)) continue;
    const hint = didYouMean(name, Object.keys(inputs), 'It has no inputs.');
    file.add(
      [...path, 'inputs', name],
      { code: 'RIVER_UNKNOWN_INPUT', message: `${step} has no input '${name}'`, hint },
      { at: 'key' },
    );
  }
  const missing = Object.keys(inputs).filter((name) => inputs[name]!.required && !Object.hasOwn(given, name));
  for (const name of missing) {
    const at = Object.keys(given).length > 0 ? [...path, 'inputs'] : path;
    file.add(
      at,
      { code: 'RIVER_MISSING_INPUT', message: `${step} needs the input '${name}'`, hint: `Add ${name}: … to inputs.` },
      { at: 'key' },
    );
  }
}

/** The variables that outputs go to must be there and hold single values. */
export function checkOutputVariables(
  outputs: Readonly<Record<string, string>>,
  path: Path,
  context: StepContext,
): void {
  for (const [name, variable] of Object.entries(outputs))
    checkVariable(variable, 'single', [...path, 'outputs', name], context);
}

/** Says when a variable is not declared, or is of the other kind. */
export function checkVariable(
  name: string,
  wanted: 'single' | 'multiple' | 'any',
  path: Path,
  { file, shell }: StepContext,
): void {
  const { variables, doubtful } = shell;
  if (doubtful.includes(name)) return;
  if (!Object.hasOwn(variables, name)) {
    const hint = didYouMean(
      name,
      Object.keys(variables),
      `Declare it: variables: { ${name}: ${wanted === 'multiple' ? '{ multiple: true }' : '{}'} }.`,
    );
    file.add(path, { code: 'RIVER_UNKNOWN_VARIABLE', message: `no variable is named '${name}'`, hint });
    return;
  }
  const { multiple } = variables[name]!;
  if (wanted === 'any' || multiple === (wanted === 'multiple')) return;
  const problem = multiple
    ? {
        code: 'RIVER_MULTIPLE',
        message: `'${name}' holds rows, and this is one value`,
        hint: 'Take another variable, without multiple.',
      }
    : {
        code: 'RIVER_NOT_MULTIPLE',
        message: `'${name}' holds one value, not rows`,
        hint: `Declare it with multiple: true, or take another variable.`,
      };
  file.add(path, problem);
}
