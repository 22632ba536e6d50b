/** A YAML file as plain JSON, with the place of every key and value, and everything wrong with it as YAML. */
import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  type Node,
  type Pair,
  parseDocument,
  type Scalar,
  type YAMLMap,
  type YAMLParseError,
} from 'yaml';
import type { Json } from '../contracts/plan.ts';
import type { Position } from '../core/errors.ts';
import { Exact, numberFromText } from '../core/values.ts';
import { isIndentation, type Problems } from './problems.ts';

export type Path = readonly (string | number)[];

/** Where to point: at the key of a path, at its value, or into its text. */
export interface Place {
  at?: 'key' | 'value';
  /** Characters into a text value. */
  offset?: number;
}

export class SourceFile {
  /** Relative to the project. */
  readonly name: string;
  /** Exact numbers tagged. Undefined: the file is not even YAML. */
  readonly value: Json | undefined;
  readonly #text: string;
  readonly #document: Document.Parsed;
  /** Collections around the node that is being read. */
  readonly #around = new Set<Node>();
  /** Something stands for itself, so that the whole has no end. */
  #circular = false;

  constructor(name: string, text: string, problems: Problems) {
    this.name = name;
    this.#text = text;
    this.#document = parseDocument(text, { prettyErrors: false });
    const { errors } = this.#document;
    const astray = errors.findIndex(isIndentation);
    let line = 0;
    for (const [index, error] of errors.entries()) {
      if (astray >= 0 && index > astray && error.code !== 'DUPLICATE_KEY') continue;
      const offset = this.#faultOf(error);
      const position = this.#position(offset);
      // What follows on the same line is mostly the same mistake again.
      if (position.line !== line) problems.addYaml(error, position, this.#lineAt(offset));
      line = position.line;
    }
    const broken = errors.some((error) => error.code !== 'DUPLICATE_KEY');
    const value = broken ? undefined : this.#toJson(this.#document.contents, problems);
    this.value = this.#circular ? undefined : value;
  }

  /** The position of a path; of the nearest thing around it that the file has, when it is not there. */
  position(path: Path, place: Place = {}): Position {
    let node: Node | null = this.#document.contents;
    let start = node?.range?.[0] ?? 0;
    for (const [depth, segment] of path.entries()) {
      const container: Node | null = this.#resolve(node);
      const pair = isMap(container) ? this.#pairOf(container, String(segment)) : undefined;
      const next = isSeq(container)
        ? (container.items[Number(segment)] as Node | undefined)
        : (pair?.value as Node | null | undefined);
      if (!pair && !next) return this.#position(start);
      const last = depth === path.length - 1;
      const keyStart = (pair?.key as Node | undefined)?.range?.[0];
      const wantsKey = last && place.at === 'key';
      start = (wantsKey ? keyStart : undefined) ?? next?.range?.[0] ?? keyStart ?? start;
      node = next ?? null;
    }
    return this.#position(place.offset === undefined ? start : this.#inside(node, start, place.offset));
  }

  #position(offset: number): Position {
    const last = this.#text.endsWith('\n') ? this.#text.length - 1 : this.#text.length;
    return { file: this.name, ...lineAndColumn(this.#text, Math.min(offset, last)) };
  }

  /** YAML blames a value for the deeper line after it. */
  #faultOf({ code, pos: [offset] }: YAMLParseError): number {
    if (code !== 'BLOCK_AS_IMPLICIT_KEY' && code !== 'MULTILINE_IMPLICIT_KEY') return offset;
    const deeper = /^[^:\n]*(?::(?! )[^:\n]*)*\n\s*(?=\S)/.exec(this.#text.slice(offset));
    return deeper ? offset + deeper[0].length : offset;
  }

  #lineAt(offset: number): string {
    const { line } = lineAndColumn(this.#text, offset);
    return this.#text.split('\n', line)[line - 1] ?? '';
  }

  #resolve(node: Node | null): Node | null {
    return isAlias(node) ? (node.resolve(this.#document) ?? null) : node;
  }

  /** An offset into a text value as an offset into the file; the value's start where the two do not run in step. */
  #inside(node: Node | null, start: number, offset: number): number {
    if (!isScalar(node) || typeof node.value !== 'string' || !node.range) return start;
    if (node.type === 'BLOCK_LITERAL') return this.#insideBlock(node, start, offset);
    const quote = node.type === 'QUOTE_SINGLE' || node.type === 'QUOTE_DOUBLE' ? 1 : 0;
    const written = this.#text.slice(start + quote, start + quote + node.value.length);
    return written === node.value ? start + quote + offset : start;
  }

  #insideBlock(node: Scalar, start: number, offset: number): number {
    const before = String(node.value).slice(0, offset).split('\n');
    const column = before.at(-1)!.length;
    let at = this.#text.indexOf('\n', start) + 1;
    for (let line = 1; line < before.length; line++) at = this.#text.indexOf('\n', at) + 1;
    const indent = /^ */.exec(this.#text.slice(at))![0].length;
    const extra = /^ */.exec(String(node.value).split('\n')[before.length - 1]!)![0].length;
    return at + indent - extra + column;
  }

  #toJson(node: unknown, problems: Problems): Json {
    const resolved = this.#resolve(node as Node | null);
    if (isAlias(node) && resolved === null) problems.addAlias(node.source, this.#position(node.range?.[0] ?? 0));
    if (isScalar(resolved)) return scalarValue(resolved);
    if (!isSeq(resolved) && !isMap(resolved)) return null;
    if (isAlias(node) && this.#around.has(resolved)) {
      this.#circular = true;
      problems.addCircle(node.source, this.#position(node.range?.[0] ?? 0));
      return null;
    }
    this.#around.add(resolved);
    const value = isSeq(resolved)
      ? resolved.items.map((item) => this.#toJson(item, problems))
      : this.#mapOrReference(resolved, problems);
    this.#around.delete(resolved);
    return value;
  }

  #mapOrReference(map: YAMLMap, problems: Problems): Json {
    const reference = unquotedReference(map);
    if (reference === null) return this.#mapToJson(map, problems);
    problems.addUnquoted(reference, this.#position(map.range?.[0] ?? 0));
    return reference;
  }

  #mapToJson(map: YAMLMap, problems: Problems): Json {
    const out: { [key: string]: Json } = {};
    const set = (name: string, value: Json): void => {
      Object.defineProperty(out, name, { value, enumerable: true, configurable: true, writable: true });
    };
    for (const pair of map.items) {
      if (this.#mergedBy(pair).length === 0) set(keyText(pair.key), this.#toJson(pair.value, problems));
    }
    for (const merged of map.items.flatMap((pair) => this.#mergedBy(pair))) {
      const fields = this.#toJson(merged, problems);
      for (const [name, value] of Object.entries(fields ?? {})) if (!Object.hasOwn(out, name)) set(name, value);
    }
    return out;
  }

  /** Mappings whose keys `<<: *base` (or `<<: [*a, *b]`) brings in. Their own keys go first, then those of earlier ones. */
  #mergedBy({ key, value }: Pair): Node[] {
    if (!isScalar(key) || key.type !== 'PLAIN' || key.value !== '<<') return [];
    const resolved = this.#resolve(value as Node | null);
    const nodes = (isSeq(resolved) ? resolved.items : [value]) as Node[];
    return nodes.every((node) => isMap(this.#resolve(node))) ? nodes : [];
  }

  #pairOf(map: YAMLMap, name: string, looked: ReadonlySet<Node> = new Set()): Pair | undefined {
    const own = map.items.find((pair) => keyText(pair.key) === name);
    if (own || looked.has(map)) return own;
    const merged = map.items.flatMap((pair) => this.#mergedBy(pair)).map((node) => this.#resolve(node));
    for (const each of merged) {
      const found = isMap(each) ? this.#pairOf(each, name, new Set([...looked, map])) : undefined;
      if (found) return found;
    }
    return undefined;
  }
}

/** From 1. Counted in the text: the YAML package's own counter misses lines inside a text that is never closed. */
function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

/** A plain key as it is written: `404:` and `1.0:` are texts here. */
function keyText(key: unknown): string {
  if (!isScalar(key)) return String(key);
  return String(key.type === 'PLAIN' ? key.source : key.value);
}

function scalarValue(scalar: Scalar): Json {
  const { value, source } = scalar;
  if (typeof value === 'number' && source !== undefined && /^[-+]?[\d.]+(?:[eE][-+]?\d+)?$/.test(source)) {
    const number = numberFromText(source.replace(/^\+/, ''));
    return number instanceof Exact ? { $exact: number.text } : number;
  }
  if (typeof value === 'number') return Number.isFinite(value) ? value : String(source);
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}

/** `key: {name}` and `key: {{name}}` without quotes: YAML reads mappings. The reference that was meant, else null. */
function unquotedReference(map: YAMLMap): string | null {
  const [pair, ...others] = map.items;
  if (!map.flow || !pair || others.length > 0 || pair.value !== null) return null;
  if (isMap(pair.key)) return unquotedReference(pair.key);
  const name = isScalar(pair.key) && typeof pair.key.value === 'string' ? pair.key.value : '';
  return /^[A-Za-z_][\w.|-]*$/.test(name) ? `{${name}}` : null;
}
