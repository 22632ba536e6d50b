/** Progress where nobody watches (a pipe, a log, CI): a line when a step starts or ends, and one every ten seconds. */
import type { StepRecord } from '../core/store.ts';
import type { Console } from './console.ts';
import { duration, outcomes, plural } from './format.ts';
import type { ProgressView, StepProgress } from './progress.ts';
import { paceOf } from './progress-live.ts';

const EVERY_MS = 10_000;

export function plainProgress(console: Console): ProgressView {
  const seen = new Map<string, { ended: boolean; noted: boolean; saidAt: number }>();
  const update = (progress: StepProgress, now: number) => {
    const { step } = progress;
    const before = seen.get(step.stepId);
    if (!before) console.say(`${step.stepId}: started`);
    const said = before ?? { ended: false, noted: false, saidAt: now };
    seen.set(step.stepId, said);
    if (step.status !== 'running' && !said.ended) {
      said.ended = true;
      console.say(`${step.stepId}: ${ending(step)}`);
    } else if (step.status === 'running' && step.rows && (now - said.saidAt >= EVERY_MS || isNews(progress, said))) {
      Object.assign(said, { saidAt: now, noted: progress.note !== null });
      const more = [outcomes(step.rows, ['not_attempted']), progress.note].filter(Boolean).join('; ');
      console.say(`${step.stepId}: ${paceOf(progress)}${more ? `; ${more}` : ''}`);
    }
  };
  return {
    update: (steps, now) => {
      for (const progress of steps) update(progress, now);
    },
    close: () => {},
  };
}

/** That a loop does not move, and why, is said as soon as it is known. */
function isNews({ note }: StepProgress, { noted }: { noted: boolean }): boolean {
  return note !== null && !noted;
}

function ending(step: StepRecord): string {
  const took = `${step.status} in ${duration((step.endedAt ?? step.startedAt) - step.startedAt)}`;
  return step.rows ? `${took}; ${plural(step.rows.read, 'row')}: ${outcomes(step.rows) || 'none'}` : took;
}

export const silentProgress: ProgressView = { update: () => {}, close: () => {} };
