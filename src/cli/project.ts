/** The project that a command works on: loaded, and refused as a whole while anything in it is wrong. */
import { loadProject, type Project } from '../language/index.ts';
import { ProjectInvalid } from './errors.ts';

/** Throws {@link ProjectInvalid}. */
export async function loadValidProject(dir: string): Promise<Project> {
  const project = await loadProject(dir);
  if (project.errors.length > 0) throw new ProjectInvalid(project.errors);
  return enter(project);
}

/** For commands that only need upriver.yaml: mistakes in other files do not stop them. Throws {@link ProjectInvalid}. */
export async function loadProjectSettings(dir: string): Promise<Project> {
  const project = await loadProject(dir);
  const errors = project.errors.filter(
    ({ code, position }) => code === 'CONFIG_NO_PROJECT' || position?.file === 'upriver.yaml',
  );
  if (errors.length > 0) throw new ProjectInvalid(errors);
  return enter(project);
}

/** SQL may name files: those that are not absolute are the project's, wherever the command was typed. */
function enter(project: Project): Project {
  process.chdir(project.dir);
  return project;
}
