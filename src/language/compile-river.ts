/** A river's file → its plan and its schedules, once everything that it may refer to is known. */
import { isDeepStrictEqual } from 'node:util';
import type { Json, Overlap, RiverPlan } from '../contracts/plan.ts';
import { checkInput } from '../core/inputs.ts';
import type { Value } from '../core/values.ts';
import { checkLoopColumns } from './check-columns.ts';
import { compileSteps, type StepContext } from './compile-steps.ts';
import { cronProblem, isTimezone } from './cron.ts';
import { inputErrors, inputValues } from './inputs.ts';
import { literalJson, Names } from './names.ts';
import type { FileProblems } from './problems.ts';
import type { Registry, RiverShell } from './registry.ts';

/** One entry of a river's `schedules`. */
export interface ScheduleSpec {
  river: string;
  cron: string;
  timezone: string;
  inputs: { [name: string]: Value };
  jitterMs: number | null;
  catchupMs: number | null;
  /** The schedule's own, else the river's. */
  overlap: Overlap;
  pauseOnFailure: boolean;
}

export function compileRiver(shell: RiverShell, registry: Registry): RiverPlan {
  const { parsed, inputs, variables, file, doubtful } = shell;
  checkDeclarations(shell);
  const single = Object.keys(variables).filter((name) => !variables[name]!.multiple);
  const multiple = Object.keys(variables).filter((name) => variables[name]!.multiple && !doubtful.includes(name));
  const names = Names.builtIn()
    .with([...Object.keys(inputs), ...single, ...doubtful])
    .withMultiple(multiple);
  const around: StepContext = { file, registry, shell, names, loop: null, ids: new Map(), loops: [] };
  const steps = compileSteps(parsed.steps, ['steps'], around);
  checkLoopColumns(around.loops, steps, around);
  return {
    name: parsed.name,
    description: parsed.description ?? null,
    inputs,
    variables,
    timeoutMs: parsed.timeout ?? null,
    overlap: parsed.overlap,
    steps,
  };
}

function checkDeclarations({ file, inputs, variables }: RiverShell): void {
  for (const [name, input] of Object.entries(inputs)) {
    const problem = input.required ? null : checkInput(name, input.type, input.default);
    if (problem)
      file.add(['inputs', name, 'default'], {
        code: 'RIVER_BAD_VALUE',
        message: problem.message,
        hint: problem.hint ?? '',
      });
  }
  for (const [name, variable] of Object.entries(variables)) {
    if (Object.hasOwn(inputs, name)) {
      const message = `'${name}' is an input already`;
      file.add(
        ['variables', name],
        { code: 'RIVER_DUPLICATE_NAME', message, hint: 'Give the variable another name.' },
        { at: 'key' },
      );
    }
    if (!variable.multiple) continue;
    const wrong = variable.persist ? 'persist' : 'initial';
    if (!variable.persist && variable.initial === null) continue;
    const hint = 'Take it out, or take multiple out.';
    file.add(
      ['variables', name, wrong],
      { code: 'RIVER_CONFLICT', message: `${wrong} is for single variables`, hint },
      { at: 'key' },
    );
  }
}

export function compileSchedules({ parsed, inputs, file }: RiverShell): ScheduleSpec[] {
  const givens = parsed.schedules.map((one, index) => scheduleInputs(one.inputs, index, file));
  // What tells one schedule of a river from another.
  const identities = parsed.schedules.map(({ cron, timezone }, index) => [
    cron,
    timezone,
    inputValues(inputs, givens[index]!),
  ]);
  return parsed.schedules.map((schedule, index) => {
    const path = ['schedules', index];
    const cron = cronProblem(schedule.cron);
    if (cron) file.add([...path, 'cron'], { code: 'RIVER_CRON', ...cron });
    if (!isTimezone(schedule.timezone)) {
      const message = `'${schedule.timezone}' is not a time zone`;
      file.add([...path, 'timezone'], {
        code: 'RIVER_TIMEZONE',
        message,
        hint: 'Write an IANA name, like Europe/Berlin or UTC.',
      });
    }
    const twin = identities.findIndex((other) => isDeepStrictEqual(other, identities[index]));
    if (twin < index) {
      const message = `schedule ${twin + 1} has the same cron, timezone and inputs`;
      file.add(path, { code: 'RIVER_CONFLICT', message, hint: 'Keep one of the two.' });
    }
    const given = givens[index]!;
    for (const { name, error } of inputErrors(inputs, given)) {
      const { code, message, hint = '' } = error;
      if (Object.hasOwn(given, name)) file.add([...path, 'inputs', name], { code, message, hint });
      else
        file.add(path, {
          code,
          message,
          hint: `Add inputs: { ${name}: … } to the schedule, or give the input a default.`,
        });
    }
    return {
      river: parsed.name,
      cron: schedule.cron,
      timezone: schedule.timezone,
      inputs: inputValues(inputs, given),
      jitterMs: schedule.jitter ?? null,
      catchupMs: schedule.catchup ?? null,
      overlap: schedule.overlap ?? parsed.overlap,
      pauseOnFailure: schedule.pause_on_failure,
    };
  });
}

function scheduleInputs(inputs: Record<string, Json>, index: number, file: FileProblems): Record<string, Json> {
  const path = ['schedules', index, 'inputs'];
  const instead = 'The steps of the river may refer to {run.scheduled_at} and the like themselves.';
  return Object.fromEntries(
    Object.entries(inputs).map(([name, value]) => [name, literalJson(value, { file, path: [...path, name], instead })]),
  );
}

type Shells = ReadonlyMap<string, RiverShell | null>;

/** Rivers that call themselves, directly or through others: said at each call that closes a circle. */
export function checkRecursion(rivers: Shells): void {
  for (const [name, shell] of rivers) {
    for (const call of shell?.calls ?? []) {
      const way = wayTo(name, call.river, rivers, new Set());
      if (!way) continue;
      shell!.file.add(call.path, {
        code: 'RIVER_RECURSION',
        message: `the river calls itself: ${[name, ...way].join(' → ')}`,
        hint: 'Break the circle: a loop, or a schedule, does work again and again.',
      });
    }
  }
}

/** The rivers on a way of calls from one to another, both included; null: there is none. */
function wayTo(to: string, from: string, rivers: Shells, visited: Set<string>): string[] | null {
  if (from === to) return [to];
  if (visited.has(from)) return null;
  visited.add(from);
  for (const call of rivers.get(from)?.calls ?? []) {
    const way = wayTo(to, call.river, rivers, visited);
    if (way) return [from, ...way];
  }
  return null;
}
