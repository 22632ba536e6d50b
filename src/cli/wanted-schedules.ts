/** The schedules that a project's files ask for, each with the plan that its runs get. */
import { planFor, type Project } from '../language/index.ts';
import type { WantedSchedule } from '../temporal/schedules.ts';

export function wantedSchedules(project: Project): WantedSchedule[] {
  return project.schedules.map(({ river, ...schedule }) => ({ plan: planFor(project, river), ...schedule }));
}
