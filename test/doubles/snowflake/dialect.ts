/** Snowflake's SQL as DuckDB takes it: as much as the tests need, and only here. The product never rewrites SQL. */

/** Literals, quoted names and comments; everything between them is code. */
const PIECES = /'(?:[^'\\]|\\[\s\S]|'')*'|"(?:[^"]|"")*"|\$\$[\s\S]*?\$\$|(?:--|\/\/)[^\n]*|\/\*[\s\S]*?\*\//g;
const ESCAPES: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', b: '\b', f: '\f', 0: '\0' };

/** DuckDB takes a zone's offset without a space before it. */
const SPACED_OFFSET = /^(\d{4}-\d\d-\d\d \d\d:\d\d\S*) ([+-]\d\d:\d\d)$/;

/** In upper-case code, in this order. */
const CODE: readonly (readonly [RegExp, string])[] = [
  [/\bTABLE\s*\(\s*GENERATOR\s*\(\s*ROWCOUNT\s*=>\s*(\d+)\s*\)\s*\)/g, 'RANGE($1)'],
  [/\bROW_NUMBER\(\) OVER \(ORDER BY SEQ[48]\(\)\) - 1/g, 'RANGE'],
  [/\bSEQ[48]\(\)/g, 'RANGE'],
  [/\bTRANSIENT\b/g, ''],
  [/\bCOPY GRANTS\b/g, ''],
  [/\bTIMESTAMP_NTZ\b(\(\d\))?/g, 'TIMESTAMP'],
  [/\bTIMESTAMP_L?TZ\b(\(\d\))?/g, 'TIMESTAMPTZ'],
  [/\bNUMBER\b(?!\s*\()/g, 'DECIMAL(38, 0)'],
  [/\bNUMBER\b/g, 'DECIMAL'],
  [/\bFLOAT\b/g, 'DOUBLE'],
  [/\bBINARY\b/g, 'BLOB'],
  [/\b(VARIANT|OBJECT)\b/g, 'JSON'],
  [/::\s*ARRAY\b/g, '::JSON'],
  [/\bCURRENT_TIMESTAMP\(\)/g, 'CURRENT_TIMESTAMP'],
  [/\bBOOLOR_AGG\b/g, 'BOOL_OR'],
  [/(?<!:):(\d+)/g, '$p$1'],
];

/** Unquoted names are upper case; backslashes escape in literals; `//` begins a comment. */
export function toDuckdb(sql: string): string {
  let out = '';
  let at = 0;
  for (const piece of sql.matchAll(PIECES)) {
    out += code(sql.slice(at, piece.index)) + other(piece[0]);
    at = piece.index + piece[0].length;
  }
  return out + code(sql.slice(at));
}

/** Without comments, upper case: to tell what kind of statement it is. */
export function gist(sql: string): string {
  return sql.replace(PIECES, (piece) => (/^(--|\/\/|\/\*)/.test(piece) ? ' ' : piece)).trim();
}

function code(text: string): string {
  return CODE.reduce((out, [pattern, replacement]) => out.replace(pattern, replacement), text.toUpperCase());
}

function other(piece: string): string {
  if (piece.startsWith('//')) return `--${piece.slice(2)}`;
  if (!piece.startsWith("'")) return piece;
  const value = piece
    .slice(1, -1)
    .replace(/\\u([0-9A-Fa-f]{4})|\\([\s\S])|''/g, (whole, unicode?: string, escaped?: string) => {
      if (unicode) return String.fromCharCode(Number.parseInt(unicode, 16));
      return escaped === undefined ? whole.slice(1) : (ESCAPES[escaped] ?? escaped);
    });
  return `'${value.replace(SPACED_OFFSET, '$1$2').replaceAll("'", "''")}'`;
}
