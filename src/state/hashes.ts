/** Many 16-byte keys and hashes as one byte array each: cheap to hand to another thread. */
import type { DeliveredHash } from '../core/store.ts';

const HASH_BYTES = 16;

export function packHashes(pairs: readonly DeliveredHash[]): { keys: Uint8Array; hashes: Uint8Array } {
  return { keys: pack(pairs.map((pair) => pair.key)), hashes: pack(pairs.map((pair) => pair.hash)) };
}

/** What was found of many keys: `there` has a 1 for each that has a hash, `hashes` 16 bytes for each of all. */
export interface FoundHashes {
  there: Uint8Array;
  hashes: Uint8Array;
}

export function packFound(found: readonly (Uint8Array | null | undefined)[]): FoundHashes {
  const hashes = new Uint8Array(found.length * HASH_BYTES);
  for (const [index, hash] of found.entries()) if (hash) hashes.set(hash, index * HASH_BYTES);
  return { there: Uint8Array.from(found, (hash) => (hash ? 1 : 0)), hashes };
}

export function pack(values: readonly Uint8Array[]): Uint8Array {
  const packed = new Uint8Array(values.length * HASH_BYTES);
  for (const [index, value] of values.entries()) {
    if (value.length !== HASH_BYTES)
      throw new TypeError(`a delivered key or hash has ${HASH_BYTES} bytes, not ${value.length}`);
    packed.set(value, index * HASH_BYTES);
  }
  return packed;
}

export function unpack(packed: Uint8Array): Uint8Array[] {
  const values: Uint8Array[] = [];
  for (let at = 0; at < packed.length; at += HASH_BYTES) values.push(packed.subarray(at, at + HASH_BYTES));
  return values;
}
