/** Errors on their way through Temporal: what of them a user is shown. */
import { ApplicationFailure, TimeoutFailure } from '@temporalio/workflow';
import type { StepPlan } from '../src/contracts/plan.ts';
import { formatDuration } from '../src/core/durations.ts';
import { type ErrorReport, toReport, UpriverError } from '../src/core/errors.ts';

/** An error of a step, already in the form that is shown. */
export function stepFailure(report: ErrorReport, ...details: unknown[]): ApplicationFailure {
  return ApplicationFailure.create({
    message: report.message,
    type: report.code,
    nonRetryable: true,
    details: [report, ...details],
  });
}

export function tooLate({ id, timeoutMs }: StepPlan): ApplicationFailure {
  return stepFailure({
    code: 'RIVER_STEP_TIMEOUT',
    message: `Step ${id} did not end within its timeout of ${formatDuration(timeoutMs ?? 0)}.`,
    hint: 'Raise `timeout` if it is too short. Rows that were not sent are not attempted; `upriver retry` sends them.',
    step: id,
  });
}

/** The report at the heart of a failure of an activity or a child workflow. */
export function reportOf(error: unknown, step?: string): ErrorReport {
  const cause = innermost(error);
  if (cause instanceof ApplicationFailure) {
    const [report] = (cause.details ?? []) as ErrorReport[];
    if (report?.code) return { step, ...report };
    return { code: cause.type ?? 'INTERNAL_UNEXPECTED', message: cause.message, step };
  }
  if (cause instanceof UpriverError) return toReport(cause, step);
  const message = cause instanceof Error ? cause.message : String(cause);
  return { code: cause instanceof TimeoutFailure ? 'INTERNAL_TIMEOUT' : 'INTERNAL_UNEXPECTED', message, step };
}

function innermost(error: unknown): unknown {
  let current = error;
  while (current instanceof Error && !(current instanceof ApplicationFailure) && current.cause instanceof Error) {
    current = current.cause;
  }
  return current;
}
