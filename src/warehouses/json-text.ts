/** JSON text of single values, built without parsing where that is safe. Exact numbers are tagged as `encode` does it. */
import { encode, numberFromText, parseExact } from '../core/values.ts';

/** Up to 15 significant digits are always exact in a JavaScript number. */
const SAFE_LENGTH = 15;
const LENIENT = /"(?:[^"\\]|\\.)*"|-?\binf(?:inity)?\b|-?\bnan\b|,(?=\s*[\]}])/gi;

/** A decimal number's digits as JSON. */
export function numberJson(digits: string): string {
  return digits.length <= SAFE_LENGTH ? String(Number(digits)) : encode(numberFromText(digits));
}

/** A 64-bit or longer whole number as JSON. */
export function bigintJson(value: bigint): string {
  const digits = String(value);
  return digits.length <= SAFE_LENGTH ? digits : encode(numberFromText(digits));
}

/** A double as JSON; what JSON has no number for becomes its name. */
export function doubleJson(value: number): string {
  return Number.isFinite(value) ? String(value) : `"${value}"`;
}

/** JSON text from a warehouse as JSON text of ours: spliced in as it is, unless something in it needs care. */
export function spliceJson(text: string): string {
  return needsCare(text) ? encode(parseExact(strictJson(text))) : text;
}

/** Names instead of NaN and the infinities, no trailing commas. */
function strictJson(text: string): string {
  return text.replace(LENIENT, (token) => {
    if (token.startsWith('"')) return token;
    if (token === ',') return '';
    if (/nan/i.test(token)) return '"NaN"';
    return token.startsWith('-') ? '"-Infinity"' : '"Infinity"';
  });
}

const [NEWLINE, RETURN, SPACE, QUOTE, COMMA, POINT, ZERO, NINE] = [10, 13, 32, 34, 44, 46, 48, 57];
const [UPPER_E, LOWER_E, CLOSE_LIST, CLOSE_OBJECT] = [69, 101, 93, 125];
/** Begin what JSON has no word for: NaN, Infinity, inf. */
const [UPPER_N, UPPER_I, LOWER_I, LOWER_N, LOWER_U] = [78, 73, 105, 110, 117];

/**
 * Whether raw JSON is unfit to splice: line breaks, numbers that JSON.parse may round (long or with an exponent), and what
 * only lenient parsers take. A loop, because it looks at every row: a regular expression takes three times as long.
 */
function needsCare(text: string): boolean {
  let digits = 0;
  let last = 0;
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) at = endOfString(text, at);
    if ((code >= ZERO && code <= NINE) || code === POINT) {
      digits += 1;
      if (digits > SAFE_LENGTH) return true;
      continue;
    }
    if (digits > 0 && (code === LOWER_E || code === UPPER_E)) return true;
    digits = 0;
    if (code === NEWLINE || code === RETURN || code === UPPER_N || code === UPPER_I || code === LOWER_I) return true;
    if (code === LOWER_N && text.charCodeAt(at + 1) !== LOWER_U) return true;
    if (last === COMMA && (code === CLOSE_LIST || code === CLOSE_OBJECT)) return true;
    if (code > SPACE) last = code;
  }
  return false;
}

/** Index of the quote that ends the string which begins here. */
function endOfString(text: string, start: number): number {
  let end = text.indexOf('"', start + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end;
}

function isEscaped(text: string, at: number): boolean {
  let slashes = 0;
  while (text[at - 1 - slashes] === '\\') slashes += 1;
  return slashes % 2 === 1;
}
