/** Whether a project has a Temporal server of its own, and where. */
import type { Project } from '../language/index.ts';

/** `host:port`; null: embedded. */
export function temporalAddress(project: Project, env: NodeJS.ProcessEnv): string | null {
  return env['TEMPORAL_ADDRESS'] || project.settings.temporal.address;
}
