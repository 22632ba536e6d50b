/** Undoes a reply's content encodings, never growing past a cap. */
import { promisify } from 'node:util';
import zlib from 'node:zlib';

export interface DecodedBody {
  body: string;
  /** Something is missing: a broken or unknown encoding, or more than the cap. */
  truncated: boolean;
}

type Decoder = (bytes: Buffer, options: { maxOutputLength: number }) => Promise<Buffer>;

const gunzip: Decoder = promisify(zlib.gunzip);
const inflate: Decoder = promisify(zlib.inflate);
const inflateRaw: Decoder = promisify(zlib.inflateRaw);

const DECODERS: Readonly<Record<string, Decoder>> = {
  gzip: gunzip,
  'x-gzip': gunzip,
  // RFC 9110 means zlib's format, yet some servers send bare deflate: a zlib header has 8 in its low four bits.
  deflate: (bytes, options) => (((bytes[0] ?? 0) & 15) === 8 ? inflate : inflateRaw)(bytes, options),
  br: promisify(zlib.brotliDecompress),
  zstd: promisify(zlib.zstdDecompress),
};

const MOST_ENCODINGS = 3;
const NOTHING: DecodedBody = { body: '', truncated: true };

/** Never rejects: the status is known, whatever the body is worth. */
export async function decodeBody(bytes: Buffer, contentEncoding: string, cap: number): Promise<DecodedBody> {
  const encodings = contentEncoding
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name && name !== 'identity');
  if (encodings.length > MOST_ENCODINGS) return NOTHING;
  try {
    let decoded = bytes;
    // Listed in the order in which they were applied: the last is undone first.
    for (const encoding of encodings.reverse()) {
      const decode = DECODERS[encoding];
      if (!decode) return NOTHING;
      decoded = await decode(decoded, { maxOutputLength: cap });
    }
    return { body: withoutMark(decoded.toString('utf8')), truncated: false };
  } catch {
    return NOTHING;
  }
}

/** Text without the byte order mark that JSON.parse would refuse. */
export function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text;
}
