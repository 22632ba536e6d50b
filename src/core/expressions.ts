/**
 * CEL, compiled once and evaluated often. The library evaluates; what upriver adds is written into the expression
 * before it is compiled (as plain CEL, with CEL's own optional access), so that there is one evaluator.
 */
import {
  type ASTNode,
  Environment,
  EvaluationError,
  ParseError,
  TypeError as CelTypeError,
} from '@marcbachmann/cel-js';
import type { Cel } from '../contracts/plan.ts';
import { UpriverError } from './errors.ts';
import { didYouMean } from './suggest.ts';
import { Exact, type Scope, type Value } from './values.ts';

export interface ExpressionOptions {
  /** Reply mappings and rules: an absent field or index is null, mapping over null gives [], null is false. */
  nullSafe?: boolean;
  /** `rows: true`: conditions may call `rows(variable)`. */
  functions?: { rows: boolean };
  /** Names that hold rows: good for rows() and nothing else. Not given: not checked. */
  multiple?: readonly string[];
}

export type Expression = (scope: Scope) => Value;

/** What is wrong with an expression, at an offset into its source. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
  readonly offset: number;
  readonly hint: string;
  constructor(offset: number, message: string, hint: string) {
    super(message);
    this.offset = offset;
    this.hint = hint;
  }
}

/**
 * Compiles CEL over the given names. Throws {@link ExpressionError} for bad syntax, unknown names and functions and
 * impossible types. The closure throws UpriverError RIVER_EXPRESSION when the values do not fit the expression.
 */
export function compileExpression(source: Cel, names: readonly string[], options: ExpressionOptions = {}): Expression {
  const writer = new Writer(names, options);
  const environment = environmentFor(options);
  const evaluate = reportAt(
    (offset) => offset,
    () => {
      const tree = environment.parse(source).ast;
      writer.write(tree);
      return compileWritten(environment, writer);
    },
  );
  const used = [...writer.used];
  return (scope) => {
    const context: Record<string, unknown> = Object.create(null);
    for (const name of used) context[PREFIX + name] = toCel(scope[name] ?? null);
    try {
      return fromCel(evaluate(context));
    } catch (error) {
      throw failure(source, error);
    }
  };
}

/** The names in scope that an expression reads, in order of appearance. Throws {@link ExpressionError} for bad syntax. */
export function namesIn(source: Cel, names: readonly string[], options: ExpressionOptions = {}): string[] {
  const writer = new Writer(names, options);
  reportAt(
    (offset) => offset,
    () => writer.write(environmentFor(options).parse(source).ast),
  );
  return [...writer.used];
}

/** Keeps the user's names apart from CEL's own (`type`, `int`, `list` …). */
const PREFIX = 'v_';

/** CEL's own names for its types, for `type(x) == int`. */
const TYPE_NAMES = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);
/** An operator's operands that CEL wants to be boolean. */
const LOGICAL = new Set(['&&', '||', '!_']);
/** Nodes whose value is surely boolean, or fails on its own account. */
const BOOLEAN = new Set(['&&', '||', '!_', '==', '!=', '<', '<=', '>', '>=', 'in', 'value']);
/** Macros that take a variable: its name, then expressions in which it is known. */
const COMPREHENSIONS = new Set(['map', 'filter', 'exists', 'exists_one', 'all']);

/** Writes an expression anew: names prefixed, access made null-safe, every piece traceable to its source. */
class Writer {
  readonly used = new Set<string>();
  text = '';
  private readonly names: ReadonlySet<string>;
  private readonly options: ExpressionOptions;
  private readonly bound: string[] = [];
  /** Pairs of offsets, written → source, ascending. */
  private readonly marks: [number, number][] = [];

  constructor(names: readonly string[], options: ExpressionOptions) {
    this.names = new Set(names);
    this.options = options;
  }

  /** The source offset of what stands at an offset of `text`. */
  sourceOffset(offset: number): number {
    return this.marks.findLast(([written]) => written <= offset)?.[1] ?? 0;
  }

  write(node: ASTNode): void {
    this.marks.push([this.text.length, node.start]);
    switch (node.op) {
      case 'value':
        return this.add(node.input.slice(node.start, node.end));
      case 'id':
        return this.writeName(node.args, node.start);
      case '.':
        return this.writeAccess(node.args[0], `.${this.optional}${node.args[1]}`);
      case '[]':
        return this.writeIndex(node.args[0], node.args[1]);
      case 'call':
        return this.writeCall(node.args[0], node.args[1], node.start);
      case 'rcall':
        return this.writeMethod(node.args[0], node.args[1], node.args[2]);
      case 'list':
        return this.writeAll('[', node.args, ']');
      case 'map':
        return this.writeMap(node.args);
      case '?:':
        return this.writeTernary(...node.args);
      case '!_':
        this.add('!');
        return this.writeCondition(node.args);
      case '-_':
        this.add('-');
        return this.writeGrouped(node.args);
      default:
        return this.writeBinary(node.op, node.args as [ASTNode, ASTNode]);
    }
  }

  private get optional(): string {
    return this.options.nullSafe ? '?' : '';
  }

  private add(text: string): void {
    this.text += text;
  }

  private writeGrouped(node: ASTNode): void {
    this.add('(');
    this.write(node);
    this.add(')');
  }

  private writeAll(open: string, nodes: readonly ASTNode[], close: string): void {
    this.add(open);
    for (const [i, node] of nodes.entries()) {
      if (i > 0) this.add(', ');
      this.write(node);
    }
    this.add(close);
  }

  private writeName(name: string, offset: number): void {
    if (this.bound.includes(name)) return this.add(PREFIX + name);
    if (!this.names.has(name) && TYPE_NAMES.has(name)) return this.add(name);
    if (!this.names.has(name)) {
      throw new ExpressionError(
        offset,
        `'${name}' is not known here`,
        didYouMean(name, this.names, 'No names are known here.'),
      );
    }
    if (this.options.multiple?.includes(name)) {
      throw new ExpressionError(
        offset,
        `'${name}' holds rows, not a value`,
        `rows(${name}) is the number of its rows; a loop walks them.`,
      );
    }
    this.used.add(name);
    this.add(PREFIX + name);
  }

  private writeAccess(target: ASTNode, access: string): void {
    this.writeGrouped(target);
    this.add(access);
    if (this.options.nullSafe) this.add('.orValue(null)');
  }

  private writeIndex(target: ASTNode, index: ASTNode): void {
    this.writeGrouped(target);
    this.add(`[${this.optional}`);
    this.write(index);
    this.add(this.options.nullSafe ? '].orValue(null)' : ']');
  }

  private writeCall(name: string, args: readonly ASTNode[], offset: number): void {
    if (name === 'has' && this.options.nullSafe && args.length === 1) {
      this.writeGrouped(args[0]!);
      return this.add(' != null');
    }
    if (name === 'rows') return this.writeRows(args, offset);
    if (name === 'has') return this.writeHas(args);
    this.writeAll(`${name}(`, args, ')');
  }

  private writeRows(args: readonly ASTNode[], offset: number): void {
    const [arg] = args;
    const { functions, multiple } = this.options;
    if (!functions?.rows) {
      throw new ExpressionError(
        offset,
        'rows() is not known here',
        'It counts the rows of a multiple variable, in conditions of a river.',
      );
    }
    if (args.length !== 1 || arg?.op !== 'id' || (multiple && !multiple.includes(arg.args))) {
      const hint = didYouMean(arg?.op === 'id' ? arg.args : '', multiple ?? [], 'Declare one with multiple: true.');
      throw new ExpressionError(arg?.start ?? offset, 'rows() takes the name of a multiple variable', hint);
    }
    this.used.add(arg.args);
    this.add(`rows(${PREFIX}${arg.args})`);
  }

  /** CEL's has() wants a bare selection, without parentheses. */
  private writeHas(args: readonly ASTNode[]): void {
    const fields: string[] = [];
    let node = args[0];
    for (; node?.op === '.'; node = node.args[0]) fields.unshift(node.args[1]);
    this.add('has(');
    if (node) this.write(node);
    this.add(`${fields.map((field) => `.${field}`).join('')})`);
  }

  private writeMethod(name: string, target: ASTNode, args: readonly ASTNode[]): void {
    const [first] = args;
    const comprehension = COMPREHENSIONS.has(name) && first?.op === 'id' && args.length > 1;
    this.add(comprehension && this.options.nullSafe ? 'each' : '');
    this.writeGrouped(target);
    if (!comprehension) return this.writeAll(`.${name}(`, args, ')');
    this.bound.push(first.args);
    this.add(`.${name}(${PREFIX}${first.args}, `);
    for (const [i, arg] of args.slice(1).entries()) {
      if (i > 0) this.add(', ');
      if (name === 'map' && i === args.length - 2) this.write(arg);
      else this.writeCondition(arg);
    }
    this.add(')');
    this.bound.pop();
  }

  private writeMap(entries: readonly (readonly [ASTNode, ASTNode])[]): void {
    this.add('{');
    for (const [i, [key, value]] of entries.entries()) {
      if (i > 0) this.add(', ');
      this.write(key);
      this.add(': ');
      this.write(value);
    }
    this.add('}');
  }

  /** dyn(): `found ? name : null` is fine, whatever the types. */
  private writeTernary(condition: ASTNode, then: ASTNode, otherwise: ASTNode): void {
    this.add('(');
    this.writeCondition(condition);
    this.add(' ? dyn');
    this.writeGrouped(then);
    this.add(' : dyn');
    this.writeGrouped(otherwise);
    this.add(')');
  }

  private writeBinary(op: string, [left, right]: [ASTNode, ASTNode]): void {
    const write = (node: ASTNode): void => (LOGICAL.has(op) ? this.writeCondition(node) : this.writeGrouped(node));
    this.add('(');
    write(left);
    this.add(` ${op} `);
    write(right);
    this.add(')');
  }

  private writeCondition(node: ASTNode): void {
    if (this.options.nullSafe && !BOOLEAN.has(node.op)) this.add('truth');
    this.writeGrouped(node);
  }
}

function compileWritten(environment: Environment, writer: Writer): (context: Record<string, unknown>) => unknown {
  const { used } = writer;
  const scoped = environment.clone();
  for (const name of used) scoped.registerVariable(PREFIX + name, 'dyn');
  return reportAt(
    (offset) => writer.sourceOffset(offset),
    () => {
      const parsed = scoped.parse(writer.text);
      const checked = parsed.check();
      if (!checked.valid) throw checked.error;
      return parsed;
    },
  );
}

/** Runs `compile`, turning the library's errors into ours; `place` maps their offsets to the source's. */
function reportAt<T>(place: (offset: number) => number, compile: () => T): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof ParseError || error instanceof CelTypeError)) throw error;
    const message = error.summary
      .replaceAll(PREFIX, '')
      .replace('Unexpected token: EOF', 'the expression ends too early');
    throw new ExpressionError(place(error.range?.start ?? 0), message, hintFor(message));
  }
}

function hintFor(message: string): string {
  if (message.startsWith('Unexpected character: =')) return "Equality is written '=='.";
  if (/overload/.test(message)) return 'Check the function, its arguments and their types.';
  return "Conditions and mappings are CEL: status == 404 && body.code in ['A', 'B'].";
}

function failure(source: Cel, error: unknown): unknown {
  if (!(error instanceof EvaluationError)) return error;
  const why = /conversion|regular_expression|timestamp|duration/.test(error.code)
    ? error.code.replaceAll('_', ' ')
    : error.summary;
  return new UpriverError('RIVER_EXPRESSION', `the expression ${source} failed: ${why.replaceAll(PREFIX, '')}`, {
    hint: 'Make the expression fit the values that it meets, for example by comparing with null first.',
    context: { expression: source },
  });
}

let strict: Environment | undefined;
let lenient: Environment | undefined;

function environmentFor(options: ExpressionOptions): Environment {
  if (options.nullSafe) return (lenient ??= addNullSafety(baseEnvironment(true)));
  return (strict ??= baseEnvironment(false));
}

const SYNC = { async: false } as const;

/** Whole and broken numbers mix as they do in JSON: `20 * 1.5` must not depend on whether a price has cents. */
function baseEnvironment(enableOptionalTypes: boolean): Environment {
  const environment = new Environment({
    homogeneousAggregateLiterals: false,
    unlistedVariablesAreDyn: false,
    enableOptionalTypes,
  });
  environment.registerType('Exact', Exact);
  const arithmetic: Record<string, (a: number, b: number) => number> = {
    '+': (a, b) => a + b,
    '-': (a, b) => a - b,
    '*': (a, b) => a * b,
    '/': (a, b) => a / b,
  };
  const mixed = [
    ['int', 'double'],
    ['double', 'int'],
    ['Exact', 'int'],
    ['Exact', 'double'],
    ['int', 'Exact'],
    ['double', 'Exact'],
    ['Exact', 'Exact'],
  ];
  for (const [left, right] of mixed) {
    for (const [op, apply] of Object.entries(arithmetic)) {
      environment.registerOperator(`${left} ${op} ${right}: double`, (a, b) => apply(Number(a), Number(b)));
    }
  }
  for (const [left, right] of mixed.slice(2))
    registerComparisons(environment, left!, right!, (a, b) => Number(a) - Number(b));
  environment.registerOperator('Exact == Exact: bool', (a: Exact, b: Exact) => a.text === b.text);
  environment.registerFunction('string(Exact): string', { handler: (value: Exact) => value.text, ...SYNC });
  environment.registerFunction('double(Exact): double', { handler: (value: Exact) => Number(value.text), ...SYNC });
  environment.registerFunction('rows(map): int', {
    handler: (rowset: { rows?: bigint }) => rowset.rows ?? 0n,
    ...SYNC,
  });
  return environment;
}

function registerComparisons(
  environment: Environment,
  left: string,
  right: string,
  compare: (a: unknown, b: unknown) => number,
): void {
  environment.registerOperator(`${left} < ${right}: bool`, (a, b) => compare(a, b) < 0);
  environment.registerOperator(`${left} <= ${right}: bool`, (a, b) => compare(a, b) <= 0);
  environment.registerOperator(`${left} > ${right}: bool`, (a, b) => compare(a, b) > 0);
  environment.registerOperator(`${left} >= ${right}: bool`, (a, b) => compare(a, b) >= 0);
}

/** null where a value was expected: as a list it is empty, as a condition and in comparisons false, as a text without matches. */
function addNullSafety(environment: Environment): Environment {
  environment.registerFunction('each(dyn): dyn', { handler: (value: unknown) => value ?? [], ...SYNC });
  environment.registerFunction('truth(dyn): dyn', { handler: (value: unknown) => value ?? false, ...SYNC });
  environment.registerFunction('size(null): int', { handler: () => 0n, ...SYNC });
  environment.registerFunction('null.size(): int', { handler: () => 0n, ...SYNC });
  for (const method of ['contains', 'startsWith', 'endsWith', 'matches']) {
    environment.registerFunction(`null.${method}(string): bool`, { handler: () => false, ...SYNC });
  }
  for (const method of ['lowerAscii', 'upperAscii', 'trim']) {
    environment.registerFunction(`null.${method}(): dyn`, { handler: () => null, ...SYNC });
  }
  for (const type of ['int', 'double', 'string']) {
    registerComparisons(environment, type, 'null', () => Number.NaN);
    registerComparisons(environment, 'null', type, () => Number.NaN);
  }
  registerComparisons(environment, 'null', 'null', () => Number.NaN);
  environment.registerOperator('dyn in null: bool', () => false);
  return environment;
}

/**
 * Whole numbers become CEL's int, so that `n == 3`, `n + 1` and an index behave as whole numbers. The library tells
 * objects by their `constructor`, so one that has such a field becomes a Map.
 */
function toCel(value: Value): unknown {
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value !== 'object' || value === null) return value;
  if (value instanceof Exact) return /^-?\d+$/.test(value.text) ? BigInt(value.text) : value;
  if (Array.isArray(value)) return value.map(toCel);
  const fields = Object.keys(value);
  if (fields.includes('constructor') || fields.includes('__proto__'))
    return new Map(fields.map((key) => [key, toCel(value[key]!)]));
  const out: Record<string, unknown> = {};
  for (const key of fields) out[key] = toCel(value[key]!);
  return out;
}

function fromCel(value: unknown): Value {
  switch (typeof value) {
    case 'bigint':
      return Number.isSafeInteger(Number(value)) ? Number(value) : new Exact(String(value));
    case 'number':
      return Number.isFinite(value) ? value : String(value);
    case 'string':
    case 'boolean':
      return value;
    default:
      return fromCelObject(value);
  }
}

function fromCelObject(value: unknown): Value {
  if (value === null || value === undefined) return null;
  if (value instanceof Exact) return value;
  if (value instanceof Date) return value.toISOString();
  if (Array.isArray(value)) return value.map(fromCel);
  if (value instanceof Map) return Object.fromEntries([...value].map(([key, field]) => [String(key), fromCel(field)]));
  if (Object.getPrototypeOf(value) !== Object.prototype) return String(value);
  return Object.fromEntries(Object.entries(value).map(([key, field]) => [key, fromCel(field)]));
}
