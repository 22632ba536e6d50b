/** Cron expressions and time zones, as far as they can be judged before Temporal sees them. */
import { didYouMean } from '../core/suggest.ts';

const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const DAYS = ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'];
const SHORTHANDS = ['@yearly', '@annually', '@monthly', '@weekly', '@daily', '@midnight', '@hourly'];

interface Field {
  name: string;
  min: number;
  max: number;
  /** Names for values from `min` on. */
  names: readonly string[];
}

const FIELDS: readonly Field[] = [
  { name: 'minute', min: 0, max: 59, names: [] },
  { name: 'hour', min: 0, max: 23, names: [] },
  { name: 'day of month', min: 1, max: 31, names: [] },
  { name: 'month', min: 1, max: 12, names: MONTHS },
  { name: 'day of week', min: 0, max: 7, names: DAYS },
];

/** What is wrong with a cron expression of five fields (or @daily and the like), if anything. */
export function cronProblem(cron: string): { message: string; hint: string } | null {
  const text = cron.trim();
  if (text.startsWith('@')) {
    if (SHORTHANDS.includes(text.toLowerCase())) return null;
    return { message: `'${cron}' is not a schedule`, hint: didYouMean(text, SHORTHANDS) };
  }
  const fields = text.split(/\s+/);
  if (fields.length !== FIELDS.length) {
    return {
      message: `a cron expression has 5 fields, not ${fields.length}`,
      hint: "Minute, hour, day of month, month, day of week: '0 6 * * *' is every day at six.",
    };
  }
  const wrong = FIELDS.find((field, i) => !fields[i]!.split(',').every((item) => fits(item, field)));
  if (!wrong) return null;
  const { name, min, max } = wrong;
  return {
    message: `'${fields[FIELDS.indexOf(wrong)]}' is not a ${name}`,
    hint: `Write *, ${min} to ${max}, a range like ${min}-${max}, a list, or steps like */5.`,
  };
}

function fits(item: string, field: Field): boolean {
  const [range = '', step, ...rest] = item.split('/');
  if (rest.length > 0 || (step !== undefined && !/^[1-9]\d*$/.test(step))) return false;
  if (range === '*' || (range === '?' && field.name.startsWith('day'))) return true;
  const [from = '', to, ...more] = range.split('-');
  const low = numberOf(from, field);
  const high = to === undefined ? low : numberOf(to, field);
  return more.length === 0 && low !== null && high !== null && low <= high;
}

function numberOf(text: string, { min, max, names }: Field): number | null {
  const named = names.indexOf(text.toLowerCase());
  if (named !== -1) return min + named;
  if (!/^\d{1,2}$/.test(text)) return null;
  const value = Number(text);
  return value >= min && value <= max ? value : null;
}

/** An IANA name that this machine knows. */
export function isTimezone(name: string): boolean {
  try {
    new Intl.DateTimeFormat('en', { timeZone: name });
    return /^[A-Za-z]/.test(name);
  } catch {
    return false;
  }
}
