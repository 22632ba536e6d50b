/** A server's answer as rules, mappings and people read it. */
import type { Exchange } from './exchange.ts';
import { isObject, parseExact, type Scope, type Value } from './values.ts';

/** Longer than what is kept: secrets are removed before it is cut for good, so that none is cut in two. */
const LONGEST_MESSAGE = 1_000;
/** Only so much of a text is searched for something to say. */
const LONGEST_SEARCHED = 20_000;

export class Reply {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The body as it came, decoded. */
  readonly text: string;
  readonly attempt: number;
  #body: Value | undefined;
  #scope: Scope | undefined;

  constructor(exchange: Extract<Exchange, { kind: 'reply' }>, attempt: number) {
    this.status = exchange.status;
    this.headers = exchange.headers;
    this.text = exchange.body;
    this.attempt = attempt;
  }

  /** Parsed when first asked for: JSON where it is JSON, else the text; null when empty. */
  body(): Value {
    if (this.#body === undefined) this.#body = parseBody(this.text);
    return this.#body;
  }

  /** What CEL and templates see: status, headers, body, attempt. */
  get scope(): Scope {
    const reply = this;
    this.#scope ??= {
      status: this.status,
      headers: this.headers as { [name: string]: string },
      get body() {
        return reply.body();
      },
      attempt: this.attempt,
    };
    return this.#scope;
  }

  /** HTML by its type and by its text: some APIs call a plain `ok` HTML. */
  isWebPage(): boolean {
    return /\bhtml\b/i.test(this.headers['content-type'] ?? '') && /^\s*<(!doctype html|html)\b/i.test(this.text);
  }

  /** What the server says about it, in one line; else its status. */
  message(): string {
    const body = this.body();
    const said = typeof body === 'string' ? plainText(body) : (messageIn(body) ?? '');
    return cut(said) || `HTTP ${this.status}`;
  }
}

function parseBody(text: string): Value {
  if (text.trim() === '') return null;
  try {
    return parseExact(text);
  } catch {
    return text;
  }
}

/** Where APIs put their message, the usual places first: HubSpot, Google, JSON:API, OAuth, RFC 9457 problem details. */
function messageIn(body: Value): string | null {
  if (Array.isArray(body)) return body.length > 0 ? messageIn(body[0] as Value) : null;
  if (!isObject(body)) return null;
  const problem = [textOf(body.title), textOf(body.detail)].filter((part) => part !== null).join(': ');
  return (
    textOf(body.message) ??
    textOf(body.error_description) ??
    nested(body.error) ??
    nested(body.errors) ??
    (problem || null)
  );
}

/** `error: "text"`, `error: { message }`, `errors: [ … ]`. */
function nested(value: Value | undefined): string | null {
  if (value === undefined || value === null) return null;
  if (Array.isArray(value)) return value.length > 0 ? nested(value[0]) : null;
  return textOf(value) ?? messageIn(value);
}

function textOf(value: Value | undefined): string | null {
  return typeof value === 'string' && value.trim() !== '' ? value : null;
}

function plainText(text: string): string {
  return text
    .slice(0, LONGEST_SEARCHED)
    .replace(/<(script|style)\b[\s\S]*?<\/\1\s*>/gi, ' ')
    .replace(/<[^>]{0,1000}>/g, ' ');
}

function cut(text: string): string {
  const line = text.slice(0, LONGEST_SEARCHED).replace(/\s+/g, ' ').trim();
  return line.length > LONGEST_MESSAGE ? `${line.slice(0, LONGEST_MESSAGE - 1)}…` : line;
}
