/** Where a run is to be seen in the embedded Temporal's UI. */
import type { Project } from '../language/index.ts';
import { findEmbedded } from './embedded.ts';

/** The run's page in the embedded UI; null where none is known. */
export function runUrl(
  { uiAddress, namespace }: { uiAddress: string | null; namespace: string },
  runId: string,
): string | null {
  return uiAddress && `${uiAddress}/namespaces/${namespace}/workflows/${encodeURIComponent(runId)}`;
}

/** The same without opening anything: null unless some process hosts the project now. */
export async function findRunUrl(project: Project, runId: string): Promise<string | null> {
  const embedded = await findEmbedded(project.dir);
  return embedded && runUrl({ uiAddress: embedded.uiUrl, namespace: embedded.namespace }, runId);
}
