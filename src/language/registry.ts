/** What the files of a project define, by name, while each is checked against the others. */
import type { ActionPlan, InputPlan, Json, VariablePlan } from '../contracts/plan.ts';
import type { KnownConnection } from './compile-connections.ts';
import { literalJson } from './names.ts';
import type { FileProblems } from './problems.ts';
import type { RiverFile } from './schema/river.ts';
import type { Path } from './source.ts';

/** What others may know of a river before its steps are compiled. */
export interface RiverShell {
  file: FileProblems;
  parsed: RiverFile;
  inputs: Record<string, InputPlan>;
  variables: Record<string, VariablePlan>;
  /** Its `river` steps: whom it calls, and where that stands. */
  calls: { river: string; path: Path }[];
  /** Names that are declared in a wrong way, which was said: nothing more is said about them. */
  doubtful: readonly string[];
}

/** null: the name is there, but its file is wrong in a way that was said already. */
export interface Registry {
  connections: ReadonlyMap<string, KnownConnection | null>;
  actions: ReadonlyMap<string, ActionPlan | null>;
  rivers: ReadonlyMap<string, RiverShell | null>;
  /** Text of a file of the project; null: there is none. */
  readText: (path: string) => string | null;
}

export function riverShell(parsed: RiverFile, file: FileProblems, raw: Json): RiverShell {
  const inputs: Record<string, InputPlan> = {};
  for (const [name, input] of Object.entries(parsed.inputs)) {
    inputs[name] = {
      type: input?.type ?? 'string',
      required: input?.default === undefined,
      default: literalJson(input?.default ?? null, {
        file,
        path: ['inputs', name, 'default'],
        instead: 'Give the input in the run, or fill the value in where it is used.',
      }),
    };
  }
  const variables: Record<string, VariablePlan> = {};
  for (const [name, variable] of Object.entries(parsed.variables)) {
    variables[name] = {
      multiple: variable?.multiple ?? false,
      initial: literalJson(variable?.initial ?? null, {
        file,
        path: ['variables', name, 'initial'],
        instead: 'Let a step set the variable, or refer to the value where it is used.',
      }),
      persist: variable?.persist ?? false,
    };
  }
  return { file, parsed, inputs, variables, calls: [], doubtful: doubtfulNames(raw, file) };
}

function doubtfulNames(raw: Json, file: FileProblems): string[] {
  return ['inputs', 'variables'].flatMap((kind) => {
    const declared = (raw as { [kind: string]: Json })[kind];
    const names = typeof declared === 'object' && declared !== null ? Object.keys(declared) : [];
    return names.filter((name) => file.faulty([kind, name]));
  });
}
