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
    this.value = broken ? undefined : this.#toJson(this.#document.contents, problems);
  }

  /** The position of a path; of the nearest thing around it that the file has, when it is not there. */
  position(path: Path, place: Place = {}): Position {
    let node: Node | null = this.#document.contents;
    let start = node?.range?.[0] ?? 0;
    for (const [depth, segment] of path.entries()) {
      const container: Node | null = this.#resolve(node);
      const pair = isMap(container) ? pairOf(container, segment) : undefined;
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
    if (isSeq(resolved)) return resolved.items.map((item) => this.#toJson(item, problems));
    if (!isMap(resolved)) return null;
    const reference = unquotedReference(resolved);
    if (reference === null) return this.#mapToJson(resolved, problems);
    problems.addUnquoted(reference, this.#position(resolved.range?.[0] ?? 0));
    return reference;
  }

  #mapToJson(map: YAMLMap, problems: Problems): Json {
    const out: { [key: string]: Json } = {};
    for (const { key, value } of map.items) {
      const name = keyText(key);
      Object.defineProperty(out, name, {
        value: this.#toJson(value, problems),
        enumerable: true,
        configurable: true,
        writable: true,
      });
    }
    return out;
  }
}

/** From 1. Counted in the text: the YAML package's own counter misses lines inside a text that is never closed. */
function lineAndColumn(text: string, offset: number): { line: number; column: number } {
  const before = text.slice(0, offset);
  const lineStart = before.lastIndexOf('\n') + 1;
  return { line: before.split('\n').length, column: offset - lineStart + 1 };
}

function pairOf(map: YAMLMap, key: string | number): Pair | undefined {
  return map.items.find((pair) => keyText(pair.key) === String(key));
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
