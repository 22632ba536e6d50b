/** Problems in a .sql file, said at their line and column there. */
import type { Position } from '../core/errors.ts';
import type { FileProblems } from './problems.ts';
import type { Path, Place } from './source.ts';

/** `owner` is the file that names it. */
export function sqlFileProblems(name: string, text: string, owner: FileProblems): FileProblems {
  const source = {
    name,
    position: (_path: Path, { offset = 0 }: Place = {}): Position => {
      const before = text.slice(0, offset).split('\n');
      return { file: name, line: before.length, column: before.at(-1)!.length + 1 };
    },
  };
  return owner.inFile(source);
}
