/** What a reply means for its rows: the action's rules, the connection's, then the defaults. Exactly one verdict each. */
import type { RulePlan, Then } from '../contracts/plan.ts';
import { toReport } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { compileExpression } from './expressions.ts';
import { Reply } from './reply.ts';
import { compileText } from './templates.ts';
import type { Scope } from './values.ts';

export interface Verdict {
  /** `unknown`: it may have been applied and must not be sent again. */
  then: Then | 'unknown';
  /** Short and stable: HTTP_404, AUTH_401, LOST_TIMEOUT, NOT_SENT_CONNECT, RIVER_EXPRESSION. */
  code: string;
  /** For people; may quote the server, so redact it before it is kept. Empty when delivered. */
  message: string;
  /** Wait or retry no sooner than this; null: the rules do not say. */
  forMs: number | null;
  /** A 401 by default: renew the token once and try again, then stop. */
  renew: boolean;
  /** null: there was no answer. */
  reply: Reply | null;
}

/** `attempt` counts requests for the row from 1, this one included. Never throws. */
export type Judge = (exchange: Exchange, attempt: number) => Verdict;

/** Names that rules may read. */
export const REPLY_NAMES = ['status', 'headers', 'body', 'attempt'] as const;

/** It may have been applied although the server failed. After 423, 425 and 503 it was not. */
const MAY_BE_APPLIED = new Set([408, 500, 502, 504]);

/** Rules are tried in order; the first whose `when` is true wins. Throws ExpressionError, TemplateError for bad rules. */
export function compileJudge(
  rules: readonly RulePlan[],
  connectionRules: readonly RulePlan[],
  idempotent: boolean,
): Judge {
  const own = rules.map(compileRule);
  const shared = connectionRules.map(compileRule);
  return (exchange, attempt) => {
    if (exchange.kind !== 'reply') return withoutReply(exchange, idempotent);
    const reply = new Reply(exchange, attempt);
    // An action's own rule may say that a POST can be sent again; a preset, which knows no action, may not.
    return firstMatch(own, reply) ?? safely(firstMatch(shared, reply) ?? byDefault(reply), idempotent);
  };
}

interface CompiledRule {
  matches: (scope: Scope) => boolean;
  plan: RulePlan;
  because: ((scope: Scope) => string) | null;
}

function compileRule(plan: RulePlan): CompiledRule {
  const evaluate = compileExpression(plan.when, REPLY_NAMES, { nullSafe: true });
  const because = plan.because === null ? null : compileText(plan.because);
  return { matches: (scope) => evaluate(scope) === true, plan, because };
}

function firstMatch(rules: readonly CompiledRule[], reply: Reply): Verdict | null {
  if (rules.length === 0) return null;
  try {
    const rule = rules.find(({ matches }) => matches(reply.scope));
    if (!rule) return null;
    const { then, forMs } = rule.plan;
    return { ...verdictOf(then, reply), forMs, message: then === 'deliver' ? '' : reasonOf(rule, reply) };
  } catch (error) {
    // A rule that cannot be evaluated says nothing about the row; going on by the defaults could count it delivered.
    const { code, message } = toReport(error);
    return { then: 'stop', code, message, forMs: null, renew: false, reply };
  }
}

function reasonOf({ because }: CompiledRule, reply: Reply): string {
  return because?.(reply.scope) || reply.message();
}

function verdictOf(then: Verdict['then'], reply: Reply): Verdict {
  return { then, code: `HTTP_${reply.status}`, message: '', forMs: null, renew: false, reply };
}

function byDefault(reply: Reply): Verdict {
  const { status } = reply;
  if (isSuccess(status)) return reply.isWebPage() ? webPage(reply) : verdictOf('deliver', reply);
  const verdict = { ...verdictOf(defaultThen(status), reply), message: reply.message() };
  if (status === 401) return { ...verdict, code: 'AUTH_401', renew: true };
  return status === 403 ? { ...verdict, code: 'AUTH_403' } : verdict;
}

/** A proxy's login page, a site's front page: whoever answered, it was not the API. */
function webPage(reply: Reply): Verdict {
  const message = `Answered with a web page, not by the API (${reply.message()}). Is base_url right?`;
  return { ...verdictOf('retry', reply), code: 'REMOTE_WEB_PAGE', message };
}

function isSuccess(status: number): boolean {
  return status >= 200 && status < 300;
}

function defaultThen(status: number): Then {
  if (status === 429) return 'wait';
  if (status === 401 || status === 403) return 'stop';
  if (status === 408 || status === 423 || status === 425 || status >= 500) return 'retry';
  return 'reject';
}

/** What is not safe to send again is not: better an honest `unknown` than a row delivered twice. */
function safely(verdict: Verdict, idempotent: boolean): Verdict {
  const again = verdict.then === 'retry' || verdict.then === 'wait';
  if (!again || idempotent || !isAppliedBy(verdict.reply?.status ?? 0)) return verdict;
  return { ...verdict, then: 'unknown' };
}

/** Whether a request whose verdict is to send it again may have been applied all the same. */
export function mayBeApplied(exchange: Exchange): boolean {
  if (exchange.kind === 'reply') return isAppliedBy(exchange.status);
  return exchange.kind === 'lost';
}

function isAppliedBy(status: number): boolean {
  return MAY_BE_APPLIED.has(status) || isSuccess(status);
}

type NoReply = Exclude<Exchange, { kind: 'reply' }>;

function withoutReply({ kind, reason, message }: NoReply, idempotent: boolean): Verdict {
  const then = kind === 'not_sent' || idempotent ? 'retry' : 'unknown';
  return { then, code: `${kind}_${reason}`.toUpperCase(), message, forMs: null, renew: false, reply: null };
}
