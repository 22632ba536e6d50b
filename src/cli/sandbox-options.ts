/** Options of `upriver sandbox hubspot`: short notations for the settings that are set most. */
import { parseDuration } from '../core/durations.ts';
import { UpriverError } from '../core/errors.ts';
import type { SettingsInput } from '../sandbox/index.ts';

/** `190/10s`; `none`: null. */
export function parseLimit(text: string): NonNullable<SettingsInput['limits']> | null {
  if (text === 'none') return null;
  const [requests = '', per = ''] = text.split('/');
  if (!/^\d+$/.test(requests)) throw notUnderstood('--limit', text, '190/10s, or none');
  return { requests: Number(requests), perMs: parseDuration(per), daily: null };
}

/** `50ms`, `20ms-300ms` */
export function parseLatency(text: string): NonNullable<SettingsInput['latency']> {
  const [min = '', max = min] = text.split('-');
  return { minMs: parseDuration(min), maxMs: parseDuration(max) };
}

/** `500=2%,reset_after=0.01`; names are checked by the sandbox itself. */
export function parseFaults(text: string): NonNullable<SettingsInput['faults']> {
  const rates: Record<string, number> = {};
  for (const part of text.split(',')) {
    const [name = '', share = ''] = part.split('=').map((piece) => piece.trim());
    const rate = share.endsWith('%') ? Number(share.slice(0, -1)) / 100 : Number(share);
    if (name === '' || share === '' || !Number.isFinite(rate))
      throw notUnderstood('--faults', text, '500=2%,reset_after=1%');
    rates[name] = rate;
  }
  return { rates };
}

function notUnderstood(option: string, text: string, example: string): UpriverError {
  return new UpriverError('USAGE', `${option} ${text} is not understood.`, {
    hint: `Write ${option} as in ${example}.`,
  });
}
