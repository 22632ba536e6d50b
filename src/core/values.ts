/** The values that rows, variables and templates hold: JSON, plus numbers that JavaScript cannot hold exactly. */

const TAG = '$exact';
const TAGGED = /\{"\$exact":"(-?\d[\d.eE+-]*)"\}/g;
/** As many characters of digits (and a point), or an exponent: a double may not hold that number exactly. */
const LONG = 16;
const EXPONENT = /\d[eE]/;
/** Either, where JSON can have a number: ids and times in quotes are common, and reading on suspicion is slow. */
const LONG_DIGITS = /(?:^|[\s:,[])-?\d(?:[\d.]{15}|[\d.]*[eE])/;

/**
 * A number kept digit for digit, because a JavaScript number would round it
 * (whole numbers beyond 2^53, decimals beyond 15 significant digits).
 * Travels through JSON as `{"$exact":"…digits…"}`; leaves for an API as the bare digits.
 */
export class Exact {
  readonly text: string;
  constructor(text: string) {
    this.text = text;
  }
  toJSON(): { $exact: string } {
    return { [TAG]: this.text } as { $exact: string };
  }
  toString(): string {
    return this.text;
  }
}

export type Value = null | boolean | number | string | Exact | Value[] | { [key: string]: Value };

/** One row as an array of values, in the order of the query's columns. */
export type Row = Value[];

/** Values by name: what a template or an expression may refer to. */
export type Scope = Readonly<Record<string, Value>>;

/** JSON with exact numbers tagged: for the state store and Temporal's payloads. Inverse: {@link decode}. */
export function encode(value: Value): string {
  return JSON.stringify(value);
}

/** Reads what {@link encode} wrote, exact numbers included. */
export function decode(text: string): Value {
  return text.includes('"$exact"') ? JSON.parse(text, reviveTagged) : JSON.parse(text);
}

/** Gives tagged numbers their class back in a value that came through Temporal's own JSON. */
export function revive(value: unknown): Value {
  return decode(JSON.stringify(value ?? null));
}

/** JSON as it goes over the wire: exact numbers as their bare digits. */
export function toWireJson(value: Value): string {
  const text = JSON.stringify(value);
  return text.includes('{"$exact":"') ? text.replace(TAGGED, '$1') : text;
}

/** Reads foreign JSON without rounding a single number. Throws SyntaxError as JSON.parse does. */
export function parseExact(text: string): Value {
  const mayRound = (EXPONENT.test(text) || hasLongRun(text)) && LONG_DIGITS.test(text);
  return mayRound ? JSON.parse(text, reviveSource as never) : JSON.parse(text);
}

/** Looks at every sixteenth character only: a run as long as that cannot hide between two. Four times as fast as LONG_DIGITS. */
function hasLongRun(text: string): boolean {
  for (let at = LONG - 1; at < text.length; at += LONG) {
    let from = at;
    while (isOfNumber(text.charCodeAt(from))) from--;
    while (isOfNumber(text.charCodeAt(at))) at++;
    if (at - from > LONG) return true;
  }
  return false;
}

/** A digit or a point. */
function isOfNumber(code: number): boolean {
  return (code >= 48 && code <= 57) || code === 46;
}

/** A number from its decimal digits: a JavaScript number where that is exact, else {@link Exact}. */
export function numberFromText(text: string): number | Exact {
  return isExactNumber(text) ? Number(text) : new Exact(text);
}

/** A value as text in the middle of other text: null is empty, objects are JSON. */
export function toText(value: Value): string {
  if (value === null) return '';
  if (typeof value === 'string') return value;
  if (typeof value === 'object' && !(value instanceof Exact)) return toWireJson(value);
  return String(value);
}

export function isObject(value: Value | undefined): value is { [key: string]: Value } {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Exact);
}

function isExactNumber(text: string): boolean {
  const number = Number(text);
  if (!Number.isFinite(number)) return false;
  if (Number.isSafeInteger(number) && /^-?\d+$/.test(text)) return true;
  return normalDigits(String(number)) === normalDigits(text);
}

/** Digits and exponent without sign of notation: 1.50, 1.5 and 15e-1 are the same number. */
function normalDigits(text: string): string {
  const match = /^(-?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d+))?$/.exec(text.trim());
  if (!match) return text;
  const [, sign, whole = '', fraction = '', exponent = '0'] = match;
  const all = (whole + fraction).replace(/^0+/, '');
  const digits = all.replace(/0+$/, '');
  if (digits === '') return '0';
  return `${sign}${digits}e${Number(exponent) - fraction.length + (all.length - digits.length)}`;
}

function reviveTagged(_key: string, value: unknown): unknown {
  if (typeof value !== 'object' || value === null || !(TAG in value)) return value;
  const text = (value as Record<string, unknown>)[TAG];
  return typeof text === 'string' && Object.keys(value).length === 1 ? new Exact(text) : value;
}

function reviveSource(_key: string, value: unknown, context: { source?: string }): unknown {
  return typeof value === 'number' && context.source ? numberFromText(context.source) : value;
}
