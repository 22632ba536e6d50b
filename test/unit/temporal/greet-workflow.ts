/** A workflow for the tests of server and worker: any workflow type, one activity, core code in the sandbox. */
import { proxyActivities } from '@temporalio/workflow';
import { UpriverError } from '../../../src/core/errors.ts';

const { greet } = proxyActivities<{ greet(name: string): Promise<string> }>({ startToCloseTimeout: '30s' });

// biome-ignore lint/style/noDefaultExport: a default export is how the SDK takes workflows of any type
export default async function anyWorkflow(name: string): Promise<string> {
  if (name === '') throw new UpriverError('RIVER_INPUT', 'no name');
  return greet(name);
}
