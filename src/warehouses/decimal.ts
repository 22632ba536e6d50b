/** Decimal digits taken apart, for databases whose decimals have a fixed scale. */

export interface DecimalParts {
  /** The number without its point: 12.50 is 1250. */
  units: bigint;
  /** Digits after the point. */
  scale: number;
  /** Digits that a column needs to hold it. */
  precision: number;
}

/** Beyond this no database has a decimal; the digits are not written out. */
const MAX_EXPONENT = 1000;

/** @param digits a decimal number as {@link Exact} holds it, exponent allowed */
export function decimalParts(digits: string): DecimalParts {
  const [mantissa = '', exponent = '0'] = digits.toLowerCase().split('e');
  const [whole = '', fraction = ''] = mantissa.split('.');
  if (Math.abs(Number(exponent)) > MAX_EXPONENT) return { units: 0n, scale: 0, precision: Number.POSITIVE_INFINITY };
  const shift = fraction.length - Number(exponent);
  const scale = Math.max(shift, 0);
  const units = BigInt(whole + fraction + '0'.repeat(Math.max(-shift, 0)));
  const significant = String(units < 0n ? -units : units).length;
  return { units, scale, precision: Math.max(significant, scale) };
}
