/** The project's Temporal as it stands: for commands that look and start nothing. */
import type { Client, Connection } from '@temporalio/client';
import type { Project } from '../language/index.ts';
import { temporalAddress } from './address.ts';
import { connectClient } from './connection.ts';
import { isAlive } from './dev-server.ts';
import { findEmbedded } from './embedded.ts';
import { ownServer } from './project-runtime.ts';

export interface Reached extends AsyncDisposable {
  client: Client & { connection: Connection };
  namespace: string;
  taskQueue: string;
  /** One's own server, not an embedded one. */
  own: boolean;
}

/** Null: embedded, and nobody hosts it now. CONFIG_TEMPORAL_*, AUTH_TEMPORAL: one's own server is out of reach. */
export async function reachTemporal(project: Project, env: NodeJS.ProcessEnv): Promise<Reached | null> {
  const address = temporalAddress(project, env);
  const target = address ? await ownServer(project, env, address) : await embeddedServer(project);
  if (!target) return null;
  const client = await connectClient(target);
  return {
    client,
    namespace: target.namespace,
    taskQueue: project.settings.temporal.taskQueue,
    own: address !== null,
    [Symbol.asyncDispose]: () => client.connection.close(),
  };
}

async function embeddedServer(project: Project) {
  const found = await findEmbedded(project.dir);
  return found && isAlive(found.hostPid) ? found : null;
}
