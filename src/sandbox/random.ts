/** Dice without state: the same seed and numbers always fall the same, in whatever order requests come. */

const STEP = 0x6d2b79f5;

/** 32 well-mixed bits for the n-th throw of `seed`: mulberry32 (Tommy Ettinger, public domain), read at random. */
export function bits(seed: number, n: number): number {
  let t = (seed + Math.imul(n, STEP)) | 0;
  t = Math.imul(t ^ (t >>> 15), t | 1);
  t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
  return (t ^ (t >>> 14)) >>> 0;
}

/** The n-th throw of `seed`, 0 ≤ x < 1. */
export function uniform(seed: number, n: number): number {
  return bits(seed, n) / 4_294_967_296;
}

/** A number for a text (FNV-1a), to throw dice for a row by its id. */
export function textSeed(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}

/** The same items in an order that depends on the seed only (Fisher–Yates). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = Math.floor(uniform(seed, i) * (i + 1));
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}
