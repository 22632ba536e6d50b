/**
 * Writes a CEL expression anew before it is compiled: names prefixed, access made null-safe with CEL's own optional
 * access, every piece traceable to its place in the source. What the expression means is left to the library.
 */
import type { ASTNode } from '@marcbachmann/cel-js';
import { didYouMean } from './suggest.ts';

export interface ExpressionOptions {
  /** Reply mappings and rules: an absent field or index is null, mapping over null gives [], null is false. */
  nullSafe?: boolean;
  /** `rows: true`: conditions may call `rows(variable)`. */
  functions?: { rows: boolean };
  /** Names that hold rows: good for rows() and nothing else. Not given: not checked. */
  multiple?: readonly string[];
}

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

/** Keeps the user's names apart from CEL's own (`type`, `int`, `list` …). */
export const PREFIX = 'v_';

/** Functions that the null-safe environment has for what is written here. */
export const NULL_AS_LIST = 'each';
export const NULL_AS_FALSE = 'truth';

export interface Rewritten {
  text: string;
  /** Names of the scope that it reads, in order of appearance. */
  used: string[];
  /** The source offset of what stands at an offset of `text`. */
  sourceOffset: (offset: number) => number;
}

/** Throws {@link ExpressionError} for unknown names. */
export function rewrite(tree: ASTNode, names: readonly string[], options: ExpressionOptions): Rewritten {
  const used = new Set<string>();
  const pieces = write(tree, { options, names: new Set(names), used, bound: [] });
  const marks: [written: number, source: number][] = [];
  let text = '';
  for (const piece of pieces) {
    marks.push([text.length, piece.source]);
    text += piece.text;
  }
  const sourceOffset = (offset: number): number => marks.findLast(([written]) => written <= offset)?.[1] ?? 0;
  return { text, used: [...used], sourceOffset };
}

/** Written text, and the source offset of the node that it was written for. */
interface Piece {
  text: string;
  source: number;
}

interface Context {
  options: ExpressionOptions;
  names: ReadonlySet<string>;
  used: Set<string>;
  /** Variables of the macros around. */
  bound: readonly string[];
}

/** CEL's own names for its types, for `type(x) == int`. */
const TYPE_NAMES = new Set(['int', 'uint', 'double', 'bool', 'string', 'bytes', 'list', 'map', 'null_type', 'type']);
/** Macros that take a variable: its name, then expressions in which it is known. */
const COMPREHENSIONS = new Set(['map', 'filter', 'exists', 'exists_one', 'all']);
/** Nodes whose value is a boolean, or fails on its own account. */
const BOOLEAN = new Set(['&&', '||', '!_', '==', '!=', '<', '<=', '>', '>=', 'in', 'value']);

function write(node: ASTNode, context: Context): Piece[] {
  const at = (text: string): Piece => ({ text, source: node.start });
  switch (node.op) {
    case 'value':
      return [at(node.input.slice(node.start, node.end))];
    case 'id':
      return [at(nameIn(node.args, node.start, context))];
    case '.':
      return writeField(node, node.args, context);
    case '[]':
      return writeIndex(node, node.args, context);
    case 'call':
      return writeCall(node, node.args, context);
    case 'rcall':
      return writeMethod(node, node.args, context);
    case 'list':
      return [at('['), ...separated(node.args, context), at(']')];
    case 'map':
      return [at('{'), ...node.args.flatMap((entry) => writeEntry(entry, context)), at('}')];
    case '?:':
      return writeTernary(node, node.args, context);
    case '!_':
      return [at('!'), ...condition(node.args, context)];
    case '-_':
      return [at('-'), ...grouped(node.args, context)];
    default:
      return writeBinary(node, context);
  }
}

function nameIn(name: string, offset: number, { names, used, bound, options }: Context): string {
  if (bound.includes(name)) return PREFIX + name;
  if (options.multiple?.includes(name)) {
    const hint = `rows(${name}) is the number of its rows; a loop walks them.`;
    throw new ExpressionError(offset, `'${name}' holds rows, not a value`, hint);
  }
  if (!names.has(name) && TYPE_NAMES.has(name)) return name;
  if (!names.has(name)) {
    const hint = didYouMean(name, names, 'No names are known here.');
    throw new ExpressionError(offset, `'${name}' is not known here`, hint);
  }
  used.add(name);
  return PREFIX + name;
}

function grouped(node: ASTNode, context: Context): Piece[] {
  const source = node.start;
  return [{ text: '(', source }, ...write(node, context), { text: ')', source }];
}

/** Where CEL wants a boolean. */
function condition(node: ASTNode, context: Context): Piece[] {
  const pieces = grouped(node, context);
  if (!context.options.nullSafe || BOOLEAN.has(node.op)) return pieces;
  return [{ text: NULL_AS_FALSE, source: node.start }, ...pieces];
}

function separated(nodes: readonly ASTNode[], context: Context): Piece[] {
  return nodes.flatMap((node) => [...write(node, context), { text: ', ', source: node.end }]);
}

function writeEntry([key, value]: readonly [ASTNode, ASTNode], context: Context): Piece[] {
  const source = value.start;
  return [...write(key, context), { text: ': ', source }, ...write(value, context), { text: ', ', source }];
}

function writeField(node: ASTNode, [target, field]: readonly [ASTNode, string], context: Context): Piece[] {
  const access = context.options.nullSafe ? `.?${field}.orValue(null)` : `.${field}`;
  return [...grouped(target, context), { text: access, source: node.start }];
}

function writeIndex(node: ASTNode, [target, index]: readonly [ASTNode, ASTNode], context: Context): Piece[] {
  const [open, close] = context.options.nullSafe ? ['[?', '].orValue(null)'] : ['[', ']'];
  const at = (text: string): Piece => ({ text, source: node.start });
  return [...grouped(target, context), at(open), ...write(index, context), at(close)];
}

function writeCall(node: ASTNode, [name, args]: readonly [string, ASTNode[]], context: Context): Piece[] {
  const at = (text: string): Piece => ({ text, source: node.start });
  const [first] = args;
  if (name === 'rows') return [at(writeRows(args, node.start, context))];
  if (name !== 'has' || !first) return [at(`${name}(`), ...argumentsOf(args, context), at(')')];
  if (context.options.nullSafe) return [...grouped(first, context), at(' != null')];
  return [at('has('), ...selection(first, context), at(')')];
}

/** CEL takes a comma after the last item of a list, but not of arguments. */
function argumentsOf(args: readonly ASTNode[], context: Context): Piece[] {
  return separated(args, context).slice(0, -1);
}

/** CEL's has() wants a bare selection, without parentheses. */
function selection(node: ASTNode, context: Context): Piece[] {
  if (node.op !== '.') return write(node, context);
  return [...selection(node.args[0], context), { text: `.${node.args[1]}`, source: node.start }];
}

function writeRows(args: readonly ASTNode[], offset: number, { options, used }: Context): string {
  const [arg] = args;
  const { functions, multiple } = options;
  if (!functions?.rows) {
    const hint = 'It counts the rows of a multiple variable, in conditions outside of loops.';
    throw new ExpressionError(offset, 'rows() is not known here', hint);
  }
  if (args.length !== 1 || arg?.op !== 'id' || (multiple && !multiple.includes(arg.args))) {
    const hint = didYouMean(arg?.op === 'id' ? arg.args : '', multiple ?? [], 'Declare one with multiple: true.');
    throw new ExpressionError(arg?.start ?? offset, 'rows() takes the name of a multiple variable', hint);
  }
  used.add(arg.args);
  return `rows(${PREFIX}${arg.args})`;
}

function writeMethod(
  node: ASTNode,
  [name, target, args]: readonly [string, ASTNode, ASTNode[]],
  context: Context,
): Piece[] {
  const at = (text: string): Piece => ({ text, source: node.start });
  const [variable, ...rest] = args;
  if (!COMPREHENSIONS.has(name) || variable?.op !== 'id' || rest.length === 0) {
    return [...grouped(target, context), at(`.${name}(`), ...argumentsOf(args, context), at(')')];
  }
  const inside: Context = { ...context, bound: [...context.bound, variable.args] };
  const last = rest.at(-1)!;
  const conditions = name === 'map' ? rest.slice(0, -1) : rest;
  return [
    at(context.options.nullSafe ? NULL_AS_LIST : ''),
    ...grouped(target, context),
    at(`.${name}(${PREFIX}${variable.args}`),
    ...conditions.flatMap((each) => [at(', '), ...condition(each, inside)]),
    ...(name === 'map' ? [at(', '), ...write(last, inside)] : []),
    at(')'),
  ];
}

/** dyn(): `found ? name : null` is fine, whatever the types. */
function writeTernary(
  node: ASTNode,
  [test, then, otherwise]: readonly [ASTNode, ASTNode, ASTNode],
  context: Context,
): Piece[] {
  const at = (text: string): Piece => ({ text, source: node.start });
  const branches = [at(' ? dyn'), ...grouped(then, context), at(' : dyn'), ...grouped(otherwise, context)];
  return [at('('), ...condition(test, context), ...branches, at(')')];
}

function writeBinary(node: ASTNode, context: Context): Piece[] {
  const [left, right] = node.args as [ASTNode, ASTNode];
  const at = (text: string): Piece => ({ text, source: node.start });
  const operand = node.op === '&&' || node.op === '||' ? condition : grouped;
  return [at('('), ...operand(left, context), at(` ${node.op} `), ...operand(right, context), at(')')];
}
