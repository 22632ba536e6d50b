/** JSON text of single values, built without parsing where that is safe. Exact numbers are tagged as `encode` does it. */
import { encode, numberFromText, parseExact } from '../core/values.ts';

/** Up to 15 significant digits are always exact in a JavaScript number. */
const SAFE_LENGTH = 15;
/** What makes raw JSON unfit to splice: line breaks, numbers that JSON.parse may round, what only lenient parsers take. */
const NEEDS_CARE = /[\n\r]|\d[\d.]{15}|\d[eE]|[nN][aA][nN]|[iI][nN][fF]|,\s*[\]}]/;
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
  return NEEDS_CARE.test(text) ? encode(parseExact(strictJson(text))) : text;
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
