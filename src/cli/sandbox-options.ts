/** Options of `upriver sandbox hubspot`: short notations for the settings that are set most. */
import { parseDuration } from '../core/durations.ts';
import { UpriverError } from '../core/errors.ts';
import { suggest } from '../core/suggest.ts';
import { FAULT_NAMES, type SettingsInput } from '../sandbox/index.ts';
import { parseCount } from './options.ts';

/** `190/10s`; `none`: null. */
export function parseLimit(text: string): NonNullable<SettingsInput['limits']> | null {
  if (text === 'none') return null;
  const [requests = '', per = ''] = text.split('/');
  const perMs = durationIn(per);
  if (!/^\d+$/.test(requests) || !perMs) throw notUnderstood('--limit', text, '190/10s, or none');
  return { requests: Number(requests), perMs, daily: null };
}

/** `50ms`, `20ms-300ms` */
export function parseLatency(text: string): NonNullable<SettingsInput['latency']> {
  const [min = '', max = min] = text.split('-');
  const [minMs, maxMs] = [durationIn(min), durationIn(max)];
  if (minMs === null || maxMs === null) throw notUnderstood('--latency', text, '50ms, or 20ms-300ms');
  return { minMs, maxMs };
}

/** `500=2%,reset_after=0.01` */
export function parseFaults(text: string): NonNullable<SettingsInput['faults']> {
  const rates: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name = '', share = ''] = part.split('=').map((piece) => piece.trim());
    const rate = share.endsWith('%') ? Number(share.slice(0, -1)) / 100 : Number(share);
    if (name === '' || share === '' || !Number.isFinite(rate))
      throw notUnderstood('--faults', text, '500=2%,reset_after=1%');
    if (!(FAULT_NAMES as readonly string[]).includes(name)) throw unknownFault(name);
    rates[name] = rate;
  }
  if (Object.values(rates).some((rate) => rate < 0) || sum(Object.values(rates)) > 1) {
    throw new UpriverError('USAGE', `--faults ${text} are not shares of all requests.`, {
      hint: 'Write shares that come to 100% at most, as in 500=2%,reset_after=1%.',
    });
  }
  return { rates };
}

/** 0: any that is free. */
export function parsePort(text: string): number {
  const port = parseCount(text);
  if (port <= 65_535) return port;
  throw new UpriverError('USAGE', `${text} is not a port.`, { hint: 'Ports go up to 65535; 0 takes a free one.' });
}

function durationIn(text: string): number | null {
  try {
    return parseDuration(text);
  } catch {
    return null;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}

function unknownFault(name: string): UpriverError {
  const near = suggest(name, FAULT_NAMES);
  return new UpriverError('USAGE', `There is no fault '${name}'.`, {
    hint: near ? `Did you mean '${near}'?` : `Faults are ${FAULT_NAMES.join(', ')}.`,
  });
}

function notUnderstood(option: string, text: string, example: string): UpriverError {
  return new UpriverError('USAGE', `${option} ${text} is not understood.`, {
    hint: `Write ${option} as in ${example}.`,
  });
}
