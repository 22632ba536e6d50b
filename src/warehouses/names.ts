/** Names of tables and columns: read as the user wrote them, quoted as every SQL warehouse understands them. */
import { UpriverError } from '../core/errors.ts';

/** One part of a dotted name. Unquoted parts follow the warehouse's own rule for case. */
export interface NamePart {
  text: string;
  quoted: boolean;
}

const PART = /"((?:[^"]|"")+)"|([^\s".;,()'`]+)/y;

export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** Reads `A.B.C` or `"a"."b c".C`: one to three parts, the table last. */
export function parseTableName(table: string): NamePart[] {
  const text = table.trim();
  const parts: NamePart[] = [];
  let at = 0;
  while (at <= text.length) {
    PART.lastIndex = at;
    const match = PART.exec(text);
    if (!match) break;
    const [whole, quoted, plain] = match;
    parts.push(
      quoted === undefined
        ? { text: plain ?? '', quoted: false }
        : { text: quoted.replaceAll('""', '"'), quoted: true },
    );
    at += whole.length;
    if (at === text.length && parts.length <= 3) return parts;
    if (text[at] !== '.') break;
    at += 1;
  }
  throw new UpriverError('RIVER_SQL_TABLE_NAME', `"${table}" is not the name of a table`, {
    hint: 'Write one to three parts with dots between them, such as SALES.DEALS; put names with special characters in double quotes.',
  });
}
