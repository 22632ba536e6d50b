/**
 * A text column of a chunk, read with one call into DuckDB for many texts. The driver makes a call for each, which takes
 * longer than all the rest of reading a row.
 */
import { isAscii } from 'node:buffer';
import { DuckDBBlobVector, type DuckDBVarCharVector } from '@duckdb/node-api';

/** What the driver keeps to itself. Its version is pinned. */
interface Inside {
  /** DuckDB's `string_t` (duckdb.h) for each row: 4 bytes of length, then 12 of text, or 4 of text and 8 of its address. */
  dataView: DataView;
  validity: { itemValid(row: number): boolean };
}

const STRING_BYTES = 16;
const INLINE_BYTES = 12;
/** Texts read at once have no more, unless one alone does. */
const RUN_BYTES = 1_000_000;
/** Upper halves of addresses that are exact as JavaScript numbers. */
const HIGH_LIMIT = 2 ** 21;

export function textsOf(vector: DuckDBVarCharVector): (string | null)[] {
  const { dataView: view, validity } = vector as unknown as Inside;
  const inline = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  const texts = new Array<string | null>(vector.itemCount).fill(null);
  for (let row = 0; row < texts.length; row += 1) {
    if (!validity.itemValid(row)) continue;
    const length = lengthAt(view, row);
    if (length <= INLINE_BYTES) {
      const start = row * STRING_BYTES + 4;
      texts[row] = inline.toString('utf8', start, start + length);
    } else {
      row = readRun({ view, validity, texts }, row);
    }
  }
  return texts;
}

interface Column {
  view: DataView;
  validity: Inside['validity'];
  texts: (string | null)[];
}

/** Reads this text and those that follow it in memory without a gap: nothing but texts is looked at. Returns the last row. */
function readRun({ view, validity, texts }: Column, first: number): number {
  let last = first;
  let bytes = lengthAt(view, first);
  const start = addressAt(view, first);
  for (let next = first + 1; next < texts.length && validity.itemValid(next); next += 1) {
    const length = lengthAt(view, next);
    if (length <= INLINE_BYTES || addressAt(view, next) !== start + bytes || bytes + length > RUN_BYTES) break;
    bytes += length;
    last = next;
  }
  const run = bytesAt(view, first, bytes);
  // Cut from one text where bytes are characters.
  const text = isAscii(run) ? run.toString('latin1') : null;
  let at = 0;
  for (let row = first; row <= last; row += 1) {
    const end = at + lengthAt(view, row);
    texts[row] = text === null ? run.toString('utf8', at, end) : text.slice(at, end);
    at = end;
  }
  return last;
}

/** So many bytes from where this row's text begins: as one long value of a vector of our own. */
function bytesAt(view: DataView, row: number, length: number): Buffer {
  const header = new DataView(new ArrayBuffer(STRING_BYTES));
  header.setUint32(0, length, true);
  header.setBigUint64(8, view.getBigUint64(row * STRING_BYTES + 8, true), true);
  const validity = { itemValid: () => true };
  const [vector, offset, count] = [null, 0, 1];
  const bytes = new DuckDBBlobVector(header, validity as never, vector as never, offset, count).getItemBytes(0);
  if (bytes === null) throw new Error('a text has no bytes');
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function lengthAt(view: DataView, row: number): number {
  return view.getUint32(row * STRING_BYTES, true);
}

/** NaN, which equals nothing, for an address that is too large. */
function addressAt(view: DataView, row: number): number {
  const low = view.getUint32(row * STRING_BYTES + 8, true);
  const high = view.getUint32(row * STRING_BYTES + 12, true);
  return high < HIGH_LIMIT ? high * 2 ** 32 + low : Number.NaN;
}
