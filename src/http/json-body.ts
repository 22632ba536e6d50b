/** JSON bodies as pieces of text: what is fixed is written out once, what a row supplies is put between. */
import type { TemplateValue } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { compileValue, refsOf } from '../core/templates.ts';
import { type Scope, toWireJson } from '../core/values.ts';

type Piece = string | ((scope: Scope, items: readonly string[]) => string);

export interface JsonBody {
  /** `items` are the JSON texts that take the place of `{ $each: … }`. */
  text: (scope: Scope, items: readonly string[]) => string;
  /** JSON text of one item. */
  item: (scope: Scope) => string;
}

/** Throws UpriverError RIVER_BATCH_EACH at more than one `{ $each: … }`. */
export function compileJson(template: TemplateValue): JsonBody {
  const draft: Draft = { pieces: [], each: null };
  write(template, draft);
  const { pieces, each } = draft;
  const itemPieces = each ?? [];
  return {
    text: (scope, items) => join(pieces, scope, items),
    item: (scope) => join(itemPieces, scope, []),
  };
}

interface Draft {
  pieces: Piece[];
  each: Piece[] | null;
}

function join(pieces: Piece[], scope: Scope, items: readonly string[]): string {
  let out = '';
  for (const piece of pieces) out += typeof piece === 'string' ? piece : piece(scope, items);
  return out;
}

function write(template: TemplateValue, draft: Draft): void {
  if (isEach(template)) writeEach(template.$each, draft);
  else if (Array.isArray(template)) writeList(template, draft);
  else if (isBranch(template)) writeFields(template, draft);
  else writeLeaf(template, draft);
}

function writeLeaf(template: TemplateValue, draft: Draft): void {
  const render = compileValue(template);
  if (refsOf(template).length > 0) draft.pieces.push((scope) => toWireJson(render(scope)));
  else writeText(toWireJson(render({})), draft);
}

function writeEach(item: TemplateValue, draft: Draft): void {
  if (draft.each) {
    throw new UpriverError('RIVER_BATCH_EACH', 'the body has more than one { $each: … }', {
      hint: 'Keep one list of rows in a batch’s body.',
    });
  }
  const own: Draft = { pieces: [], each: [] };
  write(item, own);
  draft.each = own.pieces;
  draft.pieces.push((_scope, items) => `[${items.join(',')}]`);
}

function writeList(items: TemplateValue[], draft: Draft): void {
  writeText('[', draft);
  for (const [index, item] of items.entries()) {
    if (index > 0) writeText(',', draft);
    write(item, draft);
  }
  writeText(']', draft);
}

function writeFields(fields: { [key: string]: TemplateValue }, draft: Draft): void {
  writeText('{', draft);
  for (const [index, [key, value]] of Object.entries(fields).entries()) {
    writeText(`${index > 0 ? ',' : ''}${JSON.stringify(key)}:`, draft);
    write(value, draft);
  }
  writeText('}', draft);
}

/** Neighbouring fixed texts become one piece. */
function writeText(text: string, draft: Draft): void {
  const last = draft.pieces.at(-1);
  if (typeof last === 'string') draft.pieces[draft.pieces.length - 1] = last + text;
  else draft.pieces.push(text);
}

function isEach(template: TemplateValue): template is { $each: TemplateValue } {
  return isBranch(template) && Object.hasOwn(template, '$each') && Object.keys(template).length === 1;
}

/** An object to walk into; a tagged exact number is a value. */
function isBranch(template: TemplateValue): template is { [key: string]: TemplateValue } {
  return (
    typeof template === 'object' && template !== null && !Array.isArray(template) && typeof template.$exact !== 'string'
  );
}
