/** A project's folder: read, parsed and checked as a whole. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve, sep } from 'node:path';
import type { ActionPlan, ConnectionPlan, Json, RiverPlan } from '../contracts/plan.ts';
import type { UpriverError } from '../core/errors.ts';
import { compileAction } from './compile-action.ts';
import { compileConnections, type KnownConnection } from './compile-connections.ts';
import { checkRecursion, compileRiver, compileSchedules, type ScheduleSpec } from './compile-river.ts';
import { parseWith } from './parse.ts';
import { oversize, planFor } from './plan.ts';
import { FileProblems, Problems } from './problems.ts';
import { type Registry, type RiverShell, riverShell } from './registry.ts';
import { ActionFile } from './schema/action.ts';
import { RiverFile } from './schema/river.ts';
import { compileSettings, type Settings } from './settings.ts';
import { SourceFile } from './source.ts';

export interface Project {
  dir: string;
  settings: Settings;
  connections: ReadonlyMap<string, ConnectionPlan>;
  actions: ReadonlyMap<string, ActionPlan>;
  rivers: ReadonlyMap<string, RiverPlan>;
  schedules: readonly ScheduleSpec[];
  /** Everything that is wrong, in order of file and place. Where there is any, nothing of the project may run. */
  errors: readonly UpriverError[];
}

interface ReadFile {
  file: FileProblems;
  /** undefined: not YAML, which was said. */
  value: Json | undefined;
}

/** Never throws for mistakes of the user: those are in `errors`. */
export async function loadProject(dir: string): Promise<Project> {
  const root = resolve(dir);
  const problems = new Problems();
  const settingsFile = readOptional(root, 'upriver.yaml', problems);
  const connectionsFile = readOptional(root, 'connections.yaml', problems);
  const settings = compileSettings(settingsFile?.value ?? null, settingsFile?.file ?? null);
  const connections = connectionsFile
    ? compileConnections(connectionsFile.value ?? null, connectionsFile.file)
    : new Map<string, KnownConnection | null>();
  const actions = loadActions(root, connections, problems);
  const rivers = loadShells(root, problems);
  const registry: Registry = { connections, actions, rivers, readText: (path) => readText(root, path) };
  const shells = [...rivers.values()].filter((shell) => shell !== null);
  const plans = shells.map((shell) => compileRiver(shell, registry));
  const schedules = shells.flatMap(compileSchedules);
  checkRecursion(rivers);
  if (rivers.size === 0) problems.add(noRivers(root));
  const project = {
    dir: root,
    settings,
    connections: new Map([...connections].flatMap(([name, known]) => (known ? [[name, known.plan]] : []))),
    actions: new Map([...actions].flatMap(([name, action]) => (action ? [[name, action]] : []))),
    rivers: new Map(plans.map((plan) => [plan.name, plan])),
    schedules,
  };
  if (problems.sorted().length === 0) checkSizes(project, shells);
  return { ...project, errors: problems.sorted() };
}

function checkSizes(project: Omit<Project, 'errors'>, shells: readonly RiverShell[]): void {
  for (const { parsed, file } of shells) {
    const problem = oversize(planFor(project, parsed.name));
    if (problem) file.add(['name'], problem);
  }
}

function noRivers(root: string): { code: string; message: string; hint: string } {
  const message = existsSync(root) ? 'there is no river here: rivers/ has no YAML file' : `there is no folder ${root}`;
  return {
    code: 'CONFIG_NO_PROJECT',
    message,
    hint: 'Go to a project, name one with --project, or make one with: upriver init',
  };
}

function loadActions(
  root: string,
  connections: ReadonlyMap<string, KnownConnection | null>,
  problems: Problems,
): Map<string, ActionPlan | null> {
  const actions = new Map<string, ActionPlan | null>();
  const files = new Map<string, string>();
  for (const { file, value } of readFolder(root, 'actions', problems)) {
    const parsed =
      value === undefined ? undefined : parseWith(ActionFile, value, { file, path: [], fallbacks: { name: 'action' } });
    const name = nameOf(value, file);
    if (isSecond(name, file, files)) continue;
    actions.set(name, parsed ? compileAction(parsed, file, connections) : null);
  }
  return actions;
}

function loadShells(root: string, problems: Problems): Map<string, RiverShell | null> {
  const rivers = new Map<string, RiverShell | null>();
  const files = new Map<string, string>();
  for (const { file, value } of readFolder(root, 'rivers', problems)) {
    const parsed =
      value === undefined ? undefined : parseWith(RiverFile, value, { file, path: [], fallbacks: { name: 'river' } });
    const name = nameOf(value, file);
    if (isSecond(name, file, files)) continue;
    rivers.set(name, parsed ? riverShell(parsed, file, value ?? null) : null);
  }
  return rivers;
}

/** The name that a broken file meant, so that others who refer to it are not told that there is no such thing. */
function nameOf(value: Json | undefined, file: FileProblems): string {
  const name = typeof value === 'object' && value !== null && !Array.isArray(value) ? value.name : undefined;
  return typeof name === 'string' ? name : file.source.name.replace(/^.*\/|\.ya?ml$/g, '');
}

function isSecond(name: string, file: FileProblems, files: Map<string, string>): boolean {
  const first = files.get(name);
  if (first === undefined) {
    files.set(name, file.source.name);
    return false;
  }
  file.add(['name'], {
    code: 'RIVER_DUPLICATE_NAME',
    message: `'${name}' is the name of ${first} already`,
    hint: 'Give each file a name of its own.',
  });
  return true;
}

function readFolder(root: string, folder: string, problems: Problems): ReadFile[] {
  const path = join(root, folder);
  if (!existsSync(path)) return [];
  const names = readdirSync(path).filter((name) => /\.ya?ml$/.test(name));
  return names.sort().map((name) => readYaml(root, `${folder}/${name}`, problems));
}

function readOptional(root: string, name: string, problems: Problems): ReadFile | null {
  return existsSync(join(root, name)) ? readYaml(root, name, problems) : null;
}

function readYaml(root: string, name: string, problems: Problems): ReadFile {
  const source = new SourceFile(name, readFileSync(join(root, name), 'utf8'), problems);
  return { file: new FileProblems(source, problems), value: source.value };
}

/** Files outside of the project are not read: a project is a folder. */
function readText(root: string, path: string): string | null {
  const file = resolve(root, path);
  if (!file.startsWith(root + sep) || !existsSync(file)) return null;
  return readFileSync(file, 'utf8');
}
