/** What one river needs to run: the plan that its workflow gets. */
import { type Plan, PLAN_VERSION } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { planFrom } from '../core/plan-slice.ts';
import { didYouMean } from '../core/suggest.ts';
import type { Project } from './project.ts';

type Checked = Omit<Project, 'errors'>;

/** Temporal takes 2 MB in one payload; a plan leaves room for inputs and for what is carried on. */
const MAX_BYTES = 1_000_000;

/**
 * The river with every river, action and connection that it reaches, and nothing else. For a project without errors.
 * Throws RIVER_UNKNOWN_RIVER.
 */
export function planFor(project: Checked, river: string): Plan {
  if (!project.rivers.has(river)) throw unknownRiver(river, project);
  const whole: Plan = {
    version: PLAN_VERSION,
    root: river,
    rivers: Object.fromEntries(project.rivers),
    actions: Object.fromEntries(project.actions),
    connections: Object.fromEntries(project.connections),
    retentionMs: project.settings.retentionMs,
  };
  return planFrom(whole, river);
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

function unknownRiver(name: string, project: Checked): UpriverError {
  const hint = didYouMean(name, project.rivers.keys(), 'The project has no rivers.');
  return new UpriverError('RIVER_UNKNOWN_RIVER', `no river is named '${name}'`, { hint });
}
