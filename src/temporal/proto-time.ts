/** Times and spans as Temporal's API takes them. */

interface ProtoTime {
  /** The types ask for a Long; the encoder takes a whole number as well. */
  seconds: never;
  nanos: number;
}

/** Of milliseconds: a span, or since 1970. */
export function protoTime(ms: number): ProtoTime {
  const seconds = Math.floor(ms / 1_000);
  return { seconds: seconds as never, nanos: (ms - seconds * 1_000) * 1_000_000 };
}
