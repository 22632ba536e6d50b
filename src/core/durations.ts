/** Durations (`250ms 30s 5m 2h 1d`) and sizes (`512KB 3MB`) as users write them. Nothing is unitless. */
import { UpriverError } from './errors.ts';

const MS = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 } as const;
/** Decimal units: an API that says "3 MB" may mean either, and the smaller is safe with both. */
const BYTES = { B: 1, KB: 1_000, MB: 1_000_000, GB: 1_000_000_000 } as const;

/** Milliseconds. Throws RIVER_BAD_VALUE. */
export function parseDuration(text: string): number {
  const amount = parseAmount(text, MS);
  if (amount !== null) return amount;
  throw new UpriverError('RIVER_BAD_VALUE', `'${text}' is not a duration`, {
    hint: 'Write a number and a unit: 250ms, 30s, 5m, 2h or 1d.',
  });
}

/** Bytes. Throws RIVER_BAD_VALUE. */
export function parseSize(text: string): number {
  const amount = parseAmount(text, BYTES);
  if (amount !== null) return amount;
  throw new UpriverError('RIVER_BAD_VALUE', `'${text}' is not a size`, {
    hint: 'Write a number and a unit: 900B, 512KB or 3MB.',
  });
}

/** The shortest exact way to write a duration with one unit; below a second in ms. */
export function formatDuration(ms: number): string {
  const units = Object.entries(MS).toReversed();
  for (const [unit, size] of units) {
    if (ms >= size && ms % size === 0) return `${ms / size}${unit}`;
  }
  return `${ms}ms`;
}

function parseAmount(text: string, units: Readonly<Record<string, number>>): number | null {
  const match = /^(\d+(?:\.\d+)?)\s?([A-Za-z]+)$/.exec(text.trim());
  if (!match) return null;
  const unit = units[match[2]!];
  if (unit === undefined) return null;
  const amount = Number(match[1]) * unit;
  return Number.isSafeInteger(Math.round(amount)) ? Math.round(amount) : null;
}
