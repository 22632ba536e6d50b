/** Hashes of keys and rows: 128 bits, enough that a million million rows share none. */
import { hash } from 'node:crypto';
import type { DeliveredHash } from '../core/store.ts';

const NO_HASH = new Uint8Array(16);

/** 16 bytes of SHA-256. */
export function hash128(text: string): Uint8Array {
  return hash('sha256', text, 'buffer').subarray(0, 16);
}

/** 8 bytes of SHA-256 as one number: for finding what may be equal. */
export function hash64(text: string): bigint {
  return hash('sha256', text, 'buffer').readBigUInt64LE(0);
}

/** The hash of no row, in place of one that holds no longer. */
export function unsure({ key }: DeliveredHash): DeliveredHash {
  return { key, hash: NO_HASH };
}
