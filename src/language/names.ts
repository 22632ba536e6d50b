/** Which names a text may refer to, and the checks of templates, SQL and CEL against them. */
import type { Json, SqlText, WarehouseType } from '../contracts/plan.ts';
import { compileExpression } from '../core/expressions.ts';
import { REPLY_NAMES } from '../core/judge.ts';
import { parseSql, refsOfSql } from '../core/sql-template.ts';
import { didYouMean } from '../core/suggest.ts';
import { nextToken, parseTemplate, type Ref } from '../core/templates.ts';
import type { FileProblems, Problem } from './problems.ts';
import type { Path } from './source.ts';

/** Fields where they are known; null: any. */
type Fields = readonly string[] | null;

/** What can be referred to at some place in a file. Never changed, only extended. */
export class Names {
  readonly #fields: ReadonlyMap<string, Fields>;
  /** Variables that hold rows: for loops and rows(), not for texts. */
  readonly multiple: readonly string[];
  /** Whether other names may be good too: what declares them cannot be read. */
  readonly any: boolean;

  constructor(fields: ReadonlyMap<string, Fields> = new Map(), multiple: readonly string[] = [], any = false) {
    this.#fields = fields;
    this.multiple = multiple;
    this.any = any;
  }

  static builtIn(): Names {
    return new Names(
      new Map([
        ['run', ['id', 'started_at', 'scheduled_at']],
        ['river', ['name']],
      ]),
    );
  }

  with(names: Iterable<string>, fields: Fields = null): Names {
    return new Names(
      new Map([...this.#fields, ...[...names].map((name): [string, Fields] => [name, fields])]),
      this.multiple,
      this.any,
    );
  }

  withMultiple(names: readonly string[]): Names {
    return new Names(this.#fields, [...this.multiple, ...names], this.any);
  }

  orAny(): Names {
    return new Names(this.#fields, this.multiple, true);
  }

  /** Inside a loop. */
  withRow(iterators: readonly string[]): Names {
    return this.with(iterators).with(['row'], ['number']);
  }

  get all(): string[] {
    return [...this.#fields.keys()];
  }

  has(name: string): boolean {
    return this.#fields.has(name);
  }

  /** What is wrong with a reference, if anything. */
  problemWith(ref: Ref): Problem | null {
    const [name = '', field] = ref.path;
    const whole = ref.path.join('.');
    if (this.multiple.includes(name)) {
      return {
        code: 'RIVER_ROWS_IN_TEXT',
        message: `{${whole}} refers to rows, which no text can hold`,
        hint: 'Walk the variable with a loop and refer to its iterators, or make it a single one.',
      };
    }
    if (!this.has(name)) return this.any ? null : unknownReference(whole, didYouMean(name, this.all));
    const fields = this.#fields.get(name);
    if (!fields || (field !== undefined && fields.includes(field))) return null;
    return unknownReference(whole, didYouMean(field ?? '', fields, 'It has no outputs.'));
  }
}

function unknownReference(whole: string, hint: string): Problem {
  return {
    code: 'RIVER_UNKNOWN_VARIABLE',
    message: `{${whole}} is not known here`,
    hint: `${hint} For the literal text write {{${whole}}.`,
  };
}

/** Every text of a JSON template. False: something is wrong. */
export function checkTemplate(value: Json, names: Names, file: FileProblems, path: Path): boolean {
  if (typeof value === 'string') return checkText(value, names, file, path);
  if (typeof value !== 'object' || value === null) return true;
  const checks = Object.entries(value).map(([key, item]) =>
    checkTemplate(item, names, file, [...path, Array.isArray(value) ? Number(key) : key]),
  );
  return checks.every(Boolean);
}

function checkText(text: string, names: Names, file: FileProblems, path: Path): boolean {
  let fine = true;
  const parsed = file.check(path, () => {
    for (const part of parseTemplate(text)) {
      const problem = typeof part === 'string' ? null : names.problemWith(part);
      if (problem === null || typeof part === 'string') continue;
      file.add(path, problem, { offset: part.offset });
      fine = false;
    }
  });
  return parsed && fine;
}

/** A place whose value stays as it is written. */
export interface LiteralPlace {
  file: FileProblems;
  path: Path;
  /** Where a reference would be filled in: a sentence. */
  instead: string;
}

/** The value of such a place: a reference in it is an error, since nobody would fill it in; `{{` is `{`. */
export function literalJson(value: Json, place: LiteralPlace): Json {
  if (typeof value === 'string') return literalText(value, place);
  if (typeof value !== 'object' || value === null) return value;
  const literal = (item: Json, key: string | number): Json =>
    literalJson(item, { ...place, path: [...place.path, key] });
  if (Array.isArray(value)) return value.map(literal);
  return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, literal(item, key)]));
}

export function literalText(text: string, { file, path, instead }: LiteralPlace): string {
  let literal = '';
  file.check(path, () => {
    for (const part of parseTemplate(text)) {
      if (typeof part === 'string') literal += part;
      else file.add(path, notFilledIn(part, file.family, instead), { offset: part.offset });
    }
  });
  return literal;
}

function notFilledIn({ path }: Ref, family: FileProblems['family'], instead: string): Problem {
  const whole = path.join('.');
  return {
    code: family === 'RIVER' ? 'RIVER_UNKNOWN_VARIABLE' : 'CONFIG_BAD_VALUE',
    message: `{${whole}} is not filled in here`,
    hint: `${instead} For the literal text write {{${whole}}.`,
  };
}

/** CEL over replies. */
export function checkMapping(source: string, file: FileProblems, path: Path): void {
  file.check(path, () => compileExpression(source, REPLY_NAMES, { nullSafe: true }));
}

/** CEL of a condition. Within a loop rows() is not known: a row sees its own values. */
export function checkCondition(source: string, names: Names, file: FileProblems, path: Path): void {
  const { multiple, any } = names;
  if (any) return;
  const functions = { rows: !names.has('row') };
  file.check(path, () => compileExpression(source, names.all, { functions, multiple }));
}

/** Where a text of SQL stands: in the river's file or in one of its own. */
export interface SqlSource {
  text: string;
  file: FileProblems;
  path: Path;
}

/** SQL cut at its references; empty when something is wrong. */
export function checkSql({ text, file, path }: SqlSource, names: Names, warehouse: WarehouseType): SqlText {
  let sql: SqlText = [];
  file.check(path, () => {
    sql = parseSql(text, warehouse);
  });
  for (const ref of refsOfSql(sql)) {
    const problem = names.problemWith(ref);
    if (problem) file.add(path, problem, { offset: offsetOf(text, ref) });
  }
  return sql;
}

function offsetOf(text: string, ref: Ref): number {
  const wanted = ref.path.join('.');
  let token = nextToken(text, 0);
  while (token && token.ref?.path.join('.') !== wanted) token = nextToken(text, token.end);
  return token?.start ?? 0;
}
