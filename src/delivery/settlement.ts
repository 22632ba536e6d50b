/** From a row's end to what the ledger keeps of it. */
import type { OutcomeRecord } from '../core/store.ts';
import { Exact, encode, isObject, type Value } from '../core/values.ts';
import type { Answer } from './attempts.ts';
import type { Settlement } from './ledger.ts';
import type { RowEnd } from './row-walk.ts';
import type { RowTask } from './task.ts';

const EXCERPT_CHARS = 500;
const MESSAGE_CHARS = 500;

export interface SettlementOptions {
  /** Removes the secrets of every connection that the body uses. */
  redact: (text: string) => string;
  keepOutputs: boolean;
}

export function settlementOf(task: RowTask, end: RowEnd, { redact, keepOutputs }: SettlementOptions): Settlement {
  const delivered = end.outcome === 'delivered';
  // An API may echo what it was given, and outputs go into the store and into Temporal.
  const outputs = keepOutputs
    ? { outputs: encode(withoutSecrets(end.outputs, redact)), httpStatus: end.answer?.reply?.status ?? null }
    : null;
  return {
    outcome: end.outcome,
    record: delivered ? null : recordOf(task, end, redact),
    delivered: delivered ? task.hashes : null,
    outputs,
  };
}

/** A number is hidden where it is a secret as a whole: that a longer one has the same digits in it is chance. */
function withoutSecrets(value: Value, redact: (text: string) => string): Value {
  if (typeof value === 'string') return redact(value);
  if (Array.isArray(value)) return value.map((item) => withoutSecrets(item, redact));
  if (isObject(value)) {
    const entries = Object.entries(value).map(([name, item]) => [redact(name), withoutSecrets(item, redact)]);
    return Object.fromEntries(entries);
  }
  if (typeof value !== 'number' && !(value instanceof Exact)) return value;
  const shown = redact(String(value));
  return /\d/.test(shown) ? value : shown;
}

function recordOf(task: RowTask, end: RowEnd, redact: (text: string) => string): OutcomeRecord {
  return {
    row: task.row,
    key: task.key,
    outcome: end.outcome,
    code: end.code,
    message: redact(end.message).slice(0, MESSAGE_CHARS),
    httpStatus: end.answer?.reply?.status ?? null,
    excerpt: excerptOf(end.answer, redact),
    attempts: task.progress.attempts,
  };
}

function excerptOf(answer: Answer | null, redact: (text: string) => string): string | null {
  const text = answer?.reply?.text;
  return text ? redact(text.slice(0, 4 * EXCERPT_CHARS)).slice(0, EXCERPT_CHARS) : null;
}
