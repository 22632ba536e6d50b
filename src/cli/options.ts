/** Parsers of option values. */
import { UpriverError } from '../core/errors.ts';

export function parseCount(text: string): number {
  if (!/^\d+$/.test(text))
    throw new UpriverError('USAGE', `'${text}' is not a whole number.`, { hint: 'Write digits only, as in 100.' });
  return Number(text);
}

/** `--input k=v`, repeated: collects texts by name. */
export function collectInput(text: string, given: Record<string, string> = {}): Record<string, string> {
  const at = text.indexOf('=');
  if (at < 1) throw new UpriverError('USAGE', `--input ${text} has no name.`, { hint: 'Write --input name=value.' });
  return { ...given, [text.slice(0, at)]: text.slice(at + 1) };
}

export function parseTime(text: string): Date {
  const time = new Date(text);
  if (Number.isNaN(time.getTime()))
    throw new UpriverError('USAGE', `'${text}' is not a time.`, {
      hint: 'Write an ISO time, as in 2026-11-01T00:00:00Z.',
    });
  return time;
}
