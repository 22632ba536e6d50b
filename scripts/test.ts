/** `npm test`: Jest with what the tests need at hand. Arguments go to Jest; the last line is `N passed, N failed`. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { requireTemporalBinary } from '../src/temporal/server-binary.ts';

const JEST = fileURLToPath(new URL('../node_modules/jest/bin/jest.js', import.meta.url));
/** Jest runs ES modules only so. */
const NODE_FLAGS = ['--experimental-vm-modules', '--disable-warning=ExperimentalWarning'];

interface Totals {
  numPassedTests: number;
  numFailedTests: number;
  /** Files that broke outside a test: none of their tests counts elsewhere. */
  numRuntimeErrorTestSuites: number;
}

await requireTemporalBinary({ onNote: console.error });
const dir = await mkdtemp(join(tmpdir(), 'upriver-jest-'));
const outputFile = join(dir, 'totals.json');
const args = [...NODE_FLAGS, JEST, '--json', `--outputFile=${outputFile}`, ...process.argv.slice(2)];
const jest = spawn(process.execPath, args, { stdio: ['inherit', 'ignore', 'inherit'] });
const [code] = (await once(jest, 'exit')) as [number | null];
const totals = await readFile(outputFile, 'utf8').then(
  (text) => JSON.parse(text) as Totals,
  () => null,
);
await rm(dir, { recursive: true });
const passed = totals?.numPassedTests ?? 0;
const failed = totals ? totals.numFailedTests + totals.numRuntimeErrorTestSuites : 1;
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed > 0 ? 1 : (code ?? 1);
