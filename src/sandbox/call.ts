/** One request to the practice HubSpot, and the world in which it is answered. */
import type { IncomingHttpHeaders } from 'node:http';
import type { Account, Accounts } from './accounts.ts';
import type { DealStore } from './deals.ts';
import type { FaultPlan } from './faults.ts';
import type { PropertyStore } from './properties.ts';
import { bits } from './random.ts';
import type { RateLimits, Refusal } from './rate-limits.ts';
import type { Reply } from './replies.ts';
import type { FaultName, Settings } from './settings.ts';
import type { Tally } from './tally.ts';

export interface Call {
  /** From 1, in order of arrival. */
  readonly number: number;
  /** Arrival, in ms by the sandbox's clock. */
  readonly at: number;
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingHttpHeaders;
  readonly correlationId: string;
  /** Who calls; null without valid credentials. */
  readonly account: Account | null;
  /** The rate limit that refuses this call. */
  readonly refusal: Refusal | null;
  /** HubSpot counts searches apart, and tells of no limits in their replies. */
  readonly isSearch: boolean;
  /** The deal (or property) in the path, decoded; '' if the path names none. */
  id: string;
  query: URLSearchParams;
  text: string;
  /** The body as JSON; undefined if there is none or `malformed` says why it is none. */
  body: unknown;
  malformed: string | null;
  fault: FaultName | null;
  latencyMs: number;
  /** 0 while not answered, and for good if no answer is sent. */
  status: number;
}

/** What all requests share. What may be replaced while it runs is not readonly. */
export interface World {
  settings: Settings;
  limits: RateLimits;
  faults: FaultPlan;
  tally: Tally;
  /** Of the last request. */
  number: number;
  readonly accounts: Accounts;
  readonly deals: DealStore;
  readonly properties: PropertyStore;
  readonly seed: number;
  now(): number;
}

/** What a method and path stand for. */
export interface Endpoint {
  /** What a token needs to be let in. */
  scope: string;
  /** Takes a JSON body. */
  body?: boolean;
  /** The deals that a write names; absent for reads. */
  rows?(call: Call): readonly RowName[];
  run(call: Call, world: World): Reply;
}

export interface RowName {
  id: string;
  idProperty: string | null;
}

/** The same for the same seed and request number. */
export function correlationId(seed: number, number: number): string {
  const random = bits(seed, number).toString(16).padStart(8, '0');
  return `${random}-0000-4000-8000-${number.toString(16).padStart(12, '0')}`;
}

const MAYBE_INEXACT = /[\d.eE+-]{16}/;

/** Parses the body. A number that JavaScript would round becomes text, digit for digit, as it was sent. */
export function readBody(call: Call, text: string): void {
  call.text = text;
  try {
    call.body = MAYBE_INEXACT.test(text) ? JSON.parse(text, exactNumbers) : JSON.parse(text);
  } catch (error) {
    call.malformed = `Invalid input JSON on line 1, column 1: ${error instanceof Error ? error.message : String(error)}`;
  }
}

function exactNumbers(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || !context?.source) return value;
  return String(value) === context.source ? value : context.source;
}

export function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
