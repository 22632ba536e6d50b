/** How a row of a row-by-row loop ended, from what became of its steps. */
import { ApplicationFailure, isCancellation } from '@temporalio/workflow';
import type { SettledRow } from '../src/contracts/activities.ts';
import type { ErrorReport } from '../src/core/errors.ts';
import type { Outcome } from '../src/core/outcomes.ts';
import { reportOf, stepFailure } from './failures.ts';

/** What a failure of a step in a row means for the row; rides on the failure as its second detail. */
export interface RowVerdict {
  outcome: Outcome;
  /** It ends the loop too. */
  stopsLoop: boolean;
  message: SettledRow['message'];
  /** Path of the action that decided. */
  from: string | null;
}

export type RowEnd = Pick<SettledRow, 'outcome' | 'code' | 'message' | 'from'>;

export function rowFailure(
  report: ErrorReport,
  verdict: Pick<RowVerdict, 'outcome'> & Partial<RowVerdict>,
): ApplicationFailure {
  const full: RowVerdict = { stopsLoop: false, message: report.message, from: null, ...verdict };
  return stepFailure(report, full);
}

/** null: a failure like any other, which makes the row `failed`. */
export function verdictOf(error: unknown): RowVerdict | null {
  const [, verdict] = (error instanceof ApplicationFailure ? (error.details ?? []) : []) as [unknown, RowVerdict?];
  return verdict?.outcome ? verdict : null;
}

/** Whether `on_error: continue` may go on after it. */
export function endsRow(error: unknown): boolean {
  const verdict = verdictOf(error);
  return verdict !== null && (verdict.stopsLoop || verdict.outcome === 'skipped');
}

export function endOf(error: unknown): RowEnd {
  if (isCancellation(error)) return INTERRUPTED;
  const { code, message } = reportOf(error);
  return { outcome: 'failed', code, message, from: null, ...pick(verdictOf(error)) };
}

function pick(verdict: RowVerdict | null): Partial<RowEnd> {
  return verdict ? { outcome: verdict.outcome, message: verdict.message, from: verdict.from } : {};
}

/** Some of its steps may have been done, or none: nobody can say. */
const INTERRUPTED: RowEnd = {
  outcome: 'unknown',
  code: 'ROW_INTERRUPTED',
  message: 'Its steps were under way when the run was stopped; some of them may have been done.',
  from: null,
};

export const WENT_WELL: RowEnd = { outcome: 'delivered', code: '', message: '', from: null };
export const UNTOUCHED: RowEnd = {
  outcome: 'skipped',
  code: 'ROW_CONDITION',
  message: 'No step ran for this row.',
  from: null,
};
