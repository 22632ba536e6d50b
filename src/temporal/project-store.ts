/** A project's state store, for commands that need nothing else. */
import { join } from 'node:path';
import type { StateStore } from '../core/store.ts';
import type { Project } from '../language/index.ts';
import { openStore } from '../state/index.ts';
import { createSecretResolver } from './secrets.ts';

/** The state store that upriver.yaml names, else SQLite under `.upriver/`. */
export async function openProjectStore(project: Project, env: NodeJS.ProcessEnv): Promise<StateStore> {
  const { url } = project.settings.state;
  if (url === null) return openStore({ path: join(project.dir, '.upriver', 'state.db') });
  const text =
    typeof url === 'string' ? url : await createSecretResolver({ env, projectDir: project.dir }).resolve(url);
  return openStore({ url: text });
}
