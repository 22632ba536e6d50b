/** Everything that is wrong with a project's files, collected, each at its place. */
import type { YAMLParseError } from 'yaml';
import { type ErrorCode, type Position, UpriverError } from '../core/errors.ts';
import { ExpressionError } from '../core/expressions.ts';
import { TemplateError } from '../core/templates.ts';
import type { Path, Place } from './source.ts';

export interface Problem {
  code: string;
  message: string;
  hint: string;
}

export class Problems {
  readonly #errors: UpriverError[] = [];

  /** Without a position: it is not in any file. */
  add(problem: Problem, position?: Position): void {
    const { code, message, hint } = problem;
    this.#errors.push(new UpriverError(code as ErrorCode, message, { hint, ...(position && { position }) }));
  }

  /** In order of file and place; the same thing is said once. */
  sorted(): UpriverError[] {
    const seen = new Set<string>();
    const unique = this.#errors.filter((error) => {
      const key = `${placeOf(error)} ${error.message}`;
      return !seen.has(key) && seen.add(key);
    });
    return unique.sort((a, b) => (placeOf(a) < placeOf(b) ? -1 : 1));
  }

  addYaml(error: YAMLParseError, position: Position, line: string): void {
    const family = familyOf(position.file);
    if (error.code === 'DUPLICATE_KEY') {
      this.add(
        { code: `${family}_DUPLICATE_KEY`, message: 'this key stands here twice', hint: 'Keep one of the two.' },
        position,
      );
      return;
    }
    const message = isIndentation(error) ? INDENTED : `not valid YAML: ${lowerFirst(error.message)}`;
    this.add({ code: `${family}_YAML`, message, hint: yamlHint(error, line) }, position);
  }

  addAlias(name: string, position: Position): void {
    const hint = `Define it before with &${name}, or put the text in quotes.`;
    this.add({ code: `${familyOf(position.file)}_YAML`, message: `nothing is named &${name}`, hint }, position);
  }

  addCircle(name: string, position: Position): void {
    const hint = `Write out what *${name} is to stand for here.`;
    this.add(
      { code: `${familyOf(position.file)}_YAML`, message: `*${name} stands within &${name} itself`, hint },
      position,
    );
  }

  addUnquoted(reference: string, position: Position): void {
    this.add(
      {
        code: 'RIVER_UNQUOTED_REFERENCE',
        message: `without quotes YAML reads ${reference} as a mapping`,
        hint: `Put it in quotes: '${reference}'.`,
      },
      position,
    );
  }
}

/** A file as far as problems need it. */
interface Located {
  name: string;
  position(path: Path, place?: Place): Position;
}

/** Problems of one file, said by path. */
export class FileProblems {
  readonly source: Located;
  readonly family: 'RIVER' | 'CONFIG';
  readonly #problems: Problems;
  /** Paths about which something was said. */
  readonly #said: string[] = [];

  constructor(source: Located, problems: Problems) {
    this.source = source;
    this.family = familyOf(source.name);
    this.#problems = problems;
  }

  /** The same collection, for another file. */
  inFile(source: Located): FileProblems {
    return new FileProblems(source, this.#problems);
  }

  add(path: Path, problem: Problem, place?: Place): void {
    this.#said.push(path.join('/'));
    this.#problems.add(problem, this.source.position(path, place));
  }

  /** Whether something was said about a place, or about anything in it. */
  faulty(path: Path): boolean {
    const wanted = path.join('/');
    return this.#said.some((said) => said === wanted || said.startsWith(`${wanted}/`));
  }

  /** Says that a key is missing, unless it is there and was found wrong: it was left out then. */
  missing(path: Path, key: string, hint: string): void {
    if (this.faulty([...path, key])) return;
    this.add(path, { code: `${this.family}_MISSING_KEY`, message: `'${key}' is missing`, hint });
  }

  /** Runs a check of a text; what it throws about a place in the text is said there. False: it threw. */
  check(path: Path, run: () => unknown): boolean {
    try {
      run();
      return true;
    } catch (error) {
      const problem = problemOf(error);
      this.add(path, problem, 'offset' in problem ? { offset: problem.offset } : undefined);
      return false;
    }
  }
}

function problemOf(error: unknown): Problem & { offset?: number } {
  if (error instanceof TemplateError || error instanceof ExpressionError) {
    const code = error instanceof TemplateError ? 'RIVER_TEMPLATE' : 'RIVER_EXPRESSION';
    return { code, message: error.message, hint: error.hint, offset: error.offset };
  }
  if (error instanceof UpriverError) return { code: error.code, message: error.message, hint: error.hint ?? '' };
  throw error;
}

/** connections.yaml and upriver.yaml are a set-up; everything else is part of a river. */
export function familyOf(file: string): 'RIVER' | 'CONFIG' {
  return file.includes('/') ? 'RIVER' : 'CONFIG';
}

function placeOf({ position }: UpriverError): string {
  if (!position) return '';
  const pad = (n: number): string => String(n).padStart(8, '0');
  return `${position.file}:${pad(position.line)}:${pad(position.column)}`;
}

/** What YAML says of these is true and helps nobody. */
const INDENTATION: ReadonlySet<string> = new Set(['BAD_INDENT', 'BLOCK_AS_IMPLICIT_KEY', 'MULTILINE_IMPLICIT_KEY']);
const INDENTED = 'not valid YAML: the indentation does not fit, or a text without quotes holds ": "';

function yamlHint({ code, message }: YAMLParseError, line: string): string {
  if (/:\s+(["']?)\{[\w.|-]+\}\1\s*[^\s,}\]#'"]/.test(line)) {
    return "A value that begins with { needs quotes: key: '{name} and more'.";
  }
  if (isIndentation({ code, message })) {
    return 'Indent the keys of one mapping alike, with spaces; put a text that holds ": " in quotes.';
  }
  switch (code) {
    case 'TAB_AS_INDENT':
      return 'Indent with spaces.';
    case 'MULTIPLE_DOCS':
      return 'Make it one file each.';
    case 'BAD_SCALAR_START':
      return 'Put the value in quotes.';
    case 'MISSING_CHAR':
      return 'Close the quote, bracket or brace that was opened before.';
    default:
      return 'Look at indentation, quotes and brackets on this line and the one before.';
  }
}

/** Where indentation is wrong, what the parser says of the lines after it helps nobody. */
export function isIndentation({ code, message }: Pick<YAMLParseError, 'code' | 'message'>): boolean {
  return INDENTATION.has(code) || message.includes('without - indicator');
}

function lowerFirst(text: string): string {
  return text.charAt(0).toLowerCase() + text.slice(1);
}
