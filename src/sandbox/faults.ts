/** Which request gets which fault, and what the faulty answers look like. */
import type { Call, RowName } from './call.ts';
import { textSeed, uniform } from './random.ts';
import { refuse, type Reply, tooMany, unauthorized, missingScope, WRITE_SCOPE } from './replies.ts';
import type { FaultName, FaultRule, Faults } from './settings.ts';

/** Faults that come after the work was done; the others come instead of it. */
const AFTER: ReadonlySet<FaultName> = new Set<FaultName>([
  '500_after',
  '504_after',
  'reset_after',
  'hang_after',
  'slow_body',
  'truncated_json',
  'cut_body',
  'gzip',
  'wrong_type',
  'huge',
]);

export function happensAfterWork(fault: FaultName): boolean {
  return AFTER.has(fault);
}

interface Rule extends FaultRule {
  idSet: ReadonlySet<string> | null;
  used: number;
}

/** Decides by seed and request, never by chance: the same requests meet the same faults. */
export class FaultPlan {
  readonly #seed: number;
  readonly #byRow: boolean;
  readonly #rules: Rule[];
  /** Fault names with the upper end of their share. */
  readonly #shares: [FaultName, number][] = [];

  constructor(faults: Faults, seed: number) {
    this.#seed = seed;
    this.#byRow = faults.by === 'row';
    this.#rules = faults.script.map((rule) => ({ ...rule, idSet: rule.ids ? new Set(rule.ids) : null, used: 0 }));
    let end = 0;
    for (const [name, rate] of Object.entries(faults.rates)) {
      end += rate;
      this.#shares.push([name as FaultName, end]);
    }
  }

  /** `before`: how often the first of the rows was named before. */
  choose(number: number, rows: readonly RowName[], before: number): FaultName | null {
    for (const rule of this.#rules) {
      if (!fits(rule, number, rows)) continue;
      rule.used++;
      return rule.fault;
    }
    if (this.#shares.length === 0) return null;
    const [row] = rows;
    const thrown = this.#byRow && row ? uniform(this.#seed ^ textSeed(row.id), before) : uniform(this.#seed, number);
    return this.#shares.find(([, end]) => thrown < end)?.[0] ?? null;
  }
}

function fits(rule: Rule, number: number, rows: readonly RowName[]): boolean {
  if (number < rule.from || number > (rule.to ?? Number.POSITIVE_INFINITY)) return false;
  if (rule.used >= (rule.times ?? Number.POSITIVE_INFINITY)) return false;
  const { idSet } = rule;
  return idSet === null || rows.some((row) => idSet.has(row.id));
}

/** The answer that takes the true one's place; null for faults that answer nothing or spoil the true answer. */
export function faultReply(call: Call, fault: FaultName, faults: Faults): Reply | null {
  const seconds = faults.retryAfterSeconds;
  const retryAfter = seconds === null ? undefined : ['Retry-After', String(seconds)];
  switch (fault) {
    case '401':
      return unauthorized(call, 'The OAuth token used to make this call expired.', 'EXPIRED_AUTHENTICATION');
    case '403':
      return missingScope(call, WRITE_SCOPE);
    case '408':
      return refuse(call, 408, { message: 'The request took too long to arrive.' });
    case '423':
      return refuse(call, 423, {
        message: 'This record is locked by another change. Try again later.',
        category: 'LOCKED',
      });
    case '429':
      return tooMany(call, 'TEN_SECONDLY_ROLLING', seconds);
    case '429_daily':
      return tooMany(call, 'DAILY', seconds);
    case '477':
      return {
        ...refuse(call, 477, { message: 'This account is being moved to another data center.' }),
        headers: retryAfter,
      };
    case '500':
    case '500_after':
      return refuse(call, 500, { message: 'internal error' });
    case '503':
      return { ...refuse(call, 503, { message: 'Service temporarily unavailable' }), headers: retryAfter };
    case '502':
      return htmlPage(502, 'Bad gateway');
    case '504':
    case '504_after':
      return htmlPage(504, 'Gateway time-out');
    case 'html':
      return htmlPage(200, 'Please log in');
    case 'redirect':
      return { status: 307, body: '', headers: ['Location', new URL(call.url, faults.redirectTo).href], wrote: [] };
    default:
      return null;
  }
}

/** What a proxy in front of HubSpot sends. */
function htmlPage(status: number, title: string): Reply {
  const body = `<!DOCTYPE html>\n<html><head><title>${title}</title></head><body><h1>${title}</h1></body></html>\n`;
  return { status, body, contentType: 'text/html; charset=UTF-8', wrote: [] };
}
