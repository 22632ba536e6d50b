/** Removes a connection's secrets from texts that are kept or shown: as they are, and in the encodings that requests give them. */

const MASK = '[redacted]';
/** Shorter ones would blot out ordinary words. */
const SHORTEST = 4;
/** Access tokens come and go: the oldest are forgotten. */
const MOST = 64;

export interface Redactor {
  add(secret: string): void;
  redact(text: string): string;
}

export function createRedactor(): Redactor {
  const secrets = new Set<string>();
  let pattern: RegExp | null = null;
  return {
    add(secret) {
      if (secret.length < SHORTEST || secrets.has(secret)) return;
      secrets.add(secret);
      if (secrets.size > MOST) secrets.delete(secrets.values().next().value ?? '');
      pattern = null;
    },
    redact(text) {
      if (secrets.size === 0) return text;
      pattern ??= patternFor(secrets);
      return text.replace(pattern, MASK);
    },
  };
}

function patternFor(secrets: Iterable<string>): RegExp {
  const variants = new Set([...secrets].flatMap(variantsOf));
  const longestFirst = [...variants].sort((a, b) => b.length - a.length);
  return new RegExp(longestFirst.map(escaped).join('|'), 'gi');
}

function variantsOf(secret: string): string[] {
  const bytes = Buffer.from(secret);
  return [
    secret,
    encodeURIComponent(secret.toWellFormed()),
    new URLSearchParams({ s: secret }).toString().slice(2),
    JSON.stringify(secret).slice(1, -1),
    bytes.toString('base64'),
    bytes.toString('base64url'),
  ];
}

function escaped(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|/-]/g, '\\$&');
}
