/** Builds the workflow bundle into the file that is named. */
import { writeFileSync } from 'node:fs';
import { buildBundle } from './build-bundle.ts';

const [path] = process.argv.slice(2) as [string];
writeFileSync(path, await buildBundle());
