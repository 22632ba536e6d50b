/** Makes one file of all workflow code. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bundleWorkflowCode, DefaultLogger } from '@temporalio/worker';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));

/** The bundle's code. It names no path of this machine, and is the same wherever it is built. */
export async function buildBundle(workflowsPath = join(ROOT, 'workflows/index.ts')): Promise<string> {
  const { code } = await bundleWorkflowCode({
    workflowsPath,
    logger: new DefaultLogger('ERROR'),
    webpackConfigHook: (config) => ({
      ...config,
      context: ROOT,
      output: { ...config.output, devtoolModuleFilenameTemplate: '[resource-path]' },
    }),
  });
  return slim(code);
}

/**
 * Every workflow thread keeps the code: without the sources in its source map, and in characters of one byte, it takes a
 * quarter of the memory. Webpack also leaves absolute paths in the map.
 */
function slim(code: string): string {
  return code
    .replace(/(?<=;base64,)[A-Za-z0-9+/=]+(?=\s*$)/, (map) => slimMap(Buffer.from(map, 'base64').toString()))
    .replace(/[\u0100-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

function slimMap(map: string): string {
  const { sourcesContent, ...kept } = JSON.parse(map.replaceAll(ROOT, ''));
  return Buffer.from(JSON.stringify(kept)).toString('base64');
}
