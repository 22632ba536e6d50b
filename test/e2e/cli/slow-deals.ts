/** Two hundred deals and an API that dawdles once some have gone out: runs that do not end under a test's hands. */
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { dealsProject, makeProject, type TestProject, until } from './helpers.ts';

export const ROWS = 200;
export const MAX_IN_FLIGHT = 4;
export const BRISK = { minMs: 50, maxMs: 50 };
const SLOW = { minMs: 1_000, maxMs: 1_000 };

/** Two hundred deals, of which some have gone out when the API begins to dawdle: a run that does not end under our hands. */
export async function slowDeals(river?: string): Promise<{ hubspot: Sandbox; project: TestProject } & AsyncDisposable> {
  const hubspot = await startSandbox({ deals: ROWS, limits: null, latency: BRISK });
  const files = dealsProject(hubspot.url, { rows: ROWS, loop: `max_in_flight: ${MAX_IN_FLIGHT}`, river });
  const project = await makeProject(files, { HUBSPOT_TOKEN: 'practice' });
  return {
    hubspot,
    project,
    async [Symbol.asyncDispose]() {
      await project[Symbol.asyncDispose]();
      await hubspot.stop();
    },
  };
}

export async function underWay(hubspot: Sandbox): Promise<void> {
  await until(() => hubspot.state().deals.applied >= 20);
  hubspot.set({ latency: SLOW });
}

export async function lastRunId(project: TestProject): Promise<string> {
  const { runs } = JSON.parse((await project.upriver('runs', '--json')).stdout) as { runs: { run_id: string }[] };
  return runs[0]?.run_id ?? '';
}

/** A river whose SQL does not end under our hands. */
export function endless(river: string): string {
  return river.replace('from range', 'from range(1000000) a(x), range(1000000000) b(y), range');
}

/** Of the runs, newest first. */
export async function statuses(project: TestProject): Promise<string[]> {
  const { runs } = JSON.parse((await project.upriver('runs', '--json')).stdout) as { runs: { status: string }[] };
  return runs.map(({ status }) => status);
}
