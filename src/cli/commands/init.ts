/** `upriver init [DIR]`: copies the starter project, without touching any file that is there. */
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { dirname, join, relative, resolve } from 'node:path';
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import { action, newCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { PACKAGE_DIR } from '../package.ts';

const STARTER = join(PACKAGE_DIR, 'examples', 'starter');
/** Not a file of the starter: npm leaves files of this name out of packages. */
const GITIGNORE = '.upriver/\n*.duckdb\n*.duckdb.wal\n';

export function initCommand(): Command {
  return newCommand('init [dir]', 'write a working project to start from', { json: false }).action(
    action(async ({ console, projectDir, env }, [dir]) => {
      const target = dir ? resolve(dir) : projectDir;
      const files = ['.gitignore', ...(await filesOf(STARTER))];
      await refuseToOverwrite(target, files);
      await writeFiles(target, files);
      const here = relative(process.cwd(), target);
      console.say(`Wrote ${files.length} files to ${here || 'this folder'}:`);
      for (const file of files) console.say(`  ${file}`);
      // As it was called: npx finds it where no shell does.
      const upriver = env['npm_command'] === 'exec' ? 'npx upriver' : 'upriver';
      const next = [
        ['sandbox hubspot', 'a practice HubSpot; leave it up in a terminal of its own'],
        ['run deals --dry-run', 'what it would send'],
        ['run deals', 'reads four deals and updates them in HubSpot'],
        ['rows last', 'each row and what became of it'],
      ].map(([command = '', about]) => `  ${upriver} ${command.padEnd(22)}${about}`);
      console.say(`
What to type next${here ? `, in ${here}` : ''}:
${next[0]}
  export HUBSPOT_TOKEN=practice
${next.slice(1).join('\n')}

Completion in your editor: JSON Schemas of these files are in ${join(PACKAGE_DIR, 'schemas')}`);
      return EXIT.ok;
    }),
  );
}

async function writeFiles(target: string, files: readonly string[]): Promise<void> {
  for (const file of files) {
    const text = file === '.gitignore' ? GITIGNORE : await readFile(join(STARTER, file), 'utf8');
    await mkdir(dirname(join(target, file)), { recursive: true });
    await writeFile(join(target, file), text, { flag: 'wx' });
  }
}

async function filesOf(dir: string): Promise<string[]> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(dir, join(entry.parentPath, entry.name)))
    .sort();
}

async function refuseToOverwrite(target: string, files: readonly string[]): Promise<void> {
  const there: string[] = [];
  for (const file of files) if (await exists(join(target, file))) there.push(file);
  if (there.length === 0) return;
  throw new UpriverError('CONFIG_FILE_EXISTS', `${target} has ${there.join(', ')} already; nothing was written.`, {
    hint: 'Name another folder: upriver init my-project',
  });
}

async function exists(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}
