/** What one river needs to run: the plan that its workflow gets. */
import { type ActionPlan, type ConnectionPlan, type Plan, PLAN_VERSION } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Project } from './project.ts';
import { allSteps } from './registry.ts';

type Checked = Omit<Project, 'errors'>;

/** Temporal takes 2 MB in one payload; a plan leaves room for inputs and for what is carried on. */
const MAX_BYTES = 1_000_000;

/**
 * The river with every river, action and connection that it reaches, and nothing else. For a project without errors.
 * Throws RIVER_UNKNOWN_RIVER.
 */
export function planFor(project: Checked, river: string): Plan {
  const plan: Plan = {
    version: PLAN_VERSION,
    root: river,
    rivers: {},
    actions: {},
    connections: {},
    retentionMs: project.settings.retentionMs,
  };
  addRiver(plan, river, project);
  return plan;
}

/** What is wrong with the size of a river's plan, if anything. */
export function oversize(plan: Plan): { code: string; message: string; hint: string } | null {
  const bytes = Buffer.byteLength(JSON.stringify(plan));
  if (bytes <= MAX_BYTES) return null;
  return {
    code: 'RIVER_PLAN_TOO_LARGE',
    message: `the plan of ${plan.root} has ${bytes} bytes; at most ${MAX_BYTES} fit`,
    hint: 'Move long lists out of SQL and actions into tables, or cut the river into several that run on their own.',
  };
}

function addRiver(plan: Plan, name: string, project: Checked): void {
  if (Object.hasOwn(plan.rivers, name)) return;
  const river = project.rivers.get(name);
  if (!river) throw unknownRiver(name, project);
  plan.rivers[name] = river;
  for (const step of allSteps(river.steps)) {
    if (step.type === 'river') addRiver(plan, step.river, project);
    if (step.type === 'action') addAction(plan, project.actions.get(step.action), project);
    if (step.type === 'sql') addConnection(plan, project.connections.get(step.connection));
    if (step.type === 'loop' && step.results?.kind === 'table')
      addConnection(plan, project.connections.get(step.results.connection));
  }
}

function addAction(plan: Plan, action: ActionPlan | undefined, project: Checked): void {
  if (!action) return;
  plan.actions[action.name] = action;
  addConnection(plan, project.connections.get(action.connection));
}

function addConnection(plan: Plan, connection: ConnectionPlan | undefined): void {
  if (connection) plan.connections[connection.name] = connection;
}

function unknownRiver(name: string, project: Checked): UpriverError {
  const hint = didYouMean(name, project.rivers.keys(), 'The project has no rivers.');
  return new UpriverError('RIVER_UNKNOWN_RIVER', `no river is named '${name}'`, { hint });
}
