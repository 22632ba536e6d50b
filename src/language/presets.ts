/** Connection types that are http with something preset. One small object each. */
import type { LimitPlan, RulePlan } from '../contracts/plan.ts';

export interface Preset {
  baseUrl: string;
  limits: LimitPlan[];
  rules: RulePlan[];
  /** Most rows that one request may carry, by the start or end of its path. */
  maxBatch: { path: RegExp; rows: number } | null;
}

/**
 * HubSpot, professional tier: https://developers.hubspot.com/docs/developer-tooling/platform/usage-guidelines and
 * …/error-handling. Locks (423) last about two seconds; 477 is a moving account and names its Retry-After; a daily
 * 429 is waited for like any other, its window being the longest.
 */
const hubspot: Preset = {
  baseUrl: 'https://api.hubapi.com',
  limits: [
    { requests: 190, perMs: 10_000, paths: null },
    { requests: 625_000, perMs: 86_400_000, paths: null },
    { requests: 5, perMs: 1_000, paths: ['/crm/v3/objects/*/search', '/crm/objects/*/*/search'] },
  ],
  rules: [
    { when: 'status == 423', then: 'retry', because: 'the record is locked', forMs: 2_000 },
    { when: 'status == 477', then: 'wait', because: 'the account is being moved', forMs: null },
  ],
  maxBatch: { path: /\/batch\//, rows: 100 },
};

export const PRESETS = { hubspot } as const satisfies Record<string, Preset>;
