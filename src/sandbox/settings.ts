/** What can be set on the practice HubSpot, at its start or while it runs: limits, latency, faults, answers to bad records. */
import * as z from 'zod';

/**
 * Everything that can go wrong with one request. Those ending in `_after` happen after the write was applied; `slow_body`, `truncated_json`,
 * `cut_body`, `gzip`, `wrong_type` and `huge` too: they spoil the answer, not the work. All others leave the deals untouched.
 */
export const FAULT_NAMES = [
  '401',
  '403',
  '408',
  '423',
  '429',
  '429_daily',
  '477',
  '500',
  '502',
  '503',
  '504',
  '500_after',
  '504_after',
  'reset_before',
  'reset_after',
  'hang_before',
  'hang_after',
  'html',
  'redirect',
  'slow_body',
  'truncated_json',
  'cut_body',
  'gzip',
  'wrong_type',
  'huge',
] as const;
export const FaultName = z.enum(FAULT_NAMES);
export type FaultName = z.infer<typeof FaultName>;

/** A fault for certain requests: those numbered `from` to `to` (from 1, both included), and naming one of `ids`, `times` times at most. */
const FaultRule = z.strictObject({
  fault: FaultName,
  from: z.int().min(1).default(1),
  to: z.int().min(1).optional(),
  ids: z.array(z.string()).optional(),
  times: z.int().min(1).optional(),
});
export type FaultRule = z.infer<typeof FaultRule>;

const Faults = z.strictObject({
  /** Share of requests per fault, 0 to 1; together 1 at most. */
  rates: z
    .partialRecord(FaultName, z.number().min(0).max(1))
    .default({})
    .refine((rates) => Object.values(rates).reduce((sum, rate) => sum + rate, 0) <= 1 + 1e-9, 'rates add up to over 1'),
  /** What the dice are thrown for: the request's number, or the (first) deal it names and how often that deal came before. */
  by: z.enum(['request', 'row']).default('request'),
  /** First rule that fits wins, before the rates. */
  script: z.array(FaultRule).default([]),
  /** Seconds in the Retry-After of a faulted 429, 477 or 503; null sends none. */
  retryAfterSeconds: z.number().min(0).nullable().default(null),
  /** Where a redirect points; the request's own path is added. */
  redirectTo: z.url().default('http://elsewhere.invalid'),
  slowBodyMs: z.number().min(0).default(2000),
  hugeBytes: z
    .int()
    .min(0)
    .default(10 * 1024 * 1024),
});
export type Faults = z.infer<typeof Faults>;

const Limits = z.strictObject({
  /** Requests per token in any rolling window of `perMs`. */
  requests: z.int().min(1).default(190),
  perMs: z.int().min(1).default(10_000),
  /** Requests per account and day (UTC); null for none. */
  daily: z.int().min(1).nullable().default(625_000),
  /** Searches per second and account: an extra, lower limit of HubSpot's. */
  searchesPerSecond: z.int().min(1).nullable().default(5),
  /** Whether a 429 carries Retry-After. */
  retryAfter: z.boolean().default(false),
});
export type Limits = z.infer<typeof Limits>;

const Latency = z
  .strictObject({ minMs: z.number().min(0), maxMs: z.number().min(0) })
  .refine((latency) => latency.minMs <= latency.maxMs, 'minMs is over maxMs');

/** The answers that HubSpot is known to give to a batch with bad records in it; only `whole-400` leaves the good ones unwritten. */
const BadRecords = z.enum(['whole-400', '207-ids', '207-blank-ids', '207-missing', '200-missing']);
export type BadRecords = z.infer<typeof BadRecords>;

export const Settings = z.strictObject({
  /** HubSpot's limits; null for none. Default: 190 in 10 s, 625,000 a day (Professional). */
  limits: Limits.nullable().default(() => Limits.parse({})),
  latency: Latency.default({ minMs: 0, maxMs: 0 }),
  faults: Faults.default(() => Faults.parse({})),
  badRecords: BadRecords.default('207-ids'),
  /** Every API request's connection is broken, as if nobody were there; the admin API still answers. */
  down: z.boolean().default(false),
});
export type Settings = z.infer<typeof Settings>;
export type SettingsInput = z.input<typeof Settings>;

/** Deals to add: a row of ids from `first` (default 1) on, or single ones with their values. */
export const SeedInput = z.union([
  z.strictObject({ first: z.int().min(0).optional(), count: z.int().min(0) }),
  z.strictObject({
    deals: z.array(
      z.strictObject({ id: z.string().min(1), properties: z.record(z.string(), z.string().nullable()).optional() }),
    ),
  }),
]);
export type SeedInput = z.infer<typeof SeedInput>;
