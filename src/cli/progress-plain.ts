/** Progress where nobody watches (a pipe, a log, CI): a line when a step starts or ends, and one every ten seconds. */
import type { StepRecord } from '../core/store.ts';
import type { Console } from './console.ts';
import { duration, outcomes, plural } from './format.ts';
import type { ProgressView, StepProgress } from './progress.ts';
import { paceOf } from './progress-live.ts';

const EVERY_MS = 10_000;

export function plainProgress(console: Console): ProgressView {
  const seen = new Map<string, Said>();
  return {
    update(steps, now) {
      for (const line of newsOf(steps, seen)) console.say(line);
      for (const progress of steps) {
        const said = seen.get(progress.step.stepId);
        if (said && isDue(progress, said, now)) {
          Object.assign(said, { saidAt: now, noted: progress.note !== null });
          console.say(`${progress.step.stepId}: ${standing(progress)}`);
        }
      }
    },
    close: () => {},
  };
}

interface Said {
  ended: boolean;
  noted: boolean;
  saidAt: number;
}

/** Starts and ends since the last look, in the order in which they happened; a container ends after what is in it. */
function newsOf(steps: readonly StepProgress[], seen: Map<string, Said>): string[] {
  const news: { at: number; rank: number; line: string }[] = [];
  for (const [index, { step }] of steps.entries()) {
    const said = seen.get(step.stepId) ?? { ended: false, noted: false, saidAt: step.startedAt };
    if (!seen.has(step.stepId)) news.push({ at: step.startedAt, rank: index, line: `${step.stepId}: started` });
    if (step.status !== 'running' && !said.ended) {
      said.ended = true;
      const at = step.endedAt ?? step.startedAt;
      news.push({ at, rank: 2 * steps.length - index, line: `${step.stepId}: ${ending(step)}` });
    }
    seen.set(step.stepId, said);
  }
  return news.sort((a, b) => a.at - b.at || a.rank - b.rank).map(({ line }) => line);
}

function isDue(progress: StepProgress, said: Said, now: number): boolean {
  const { status, rows } = progress.step;
  return status === 'running' && rows !== null && (now - said.saidAt >= EVERY_MS || isNews(progress, said));
}

function standing(progress: StepProgress): string {
  const { rows } = progress.step;
  const more = [rows && outcomes(rows, ['not_attempted']), progress.note].filter(Boolean).join('; ');
  return `${paceOf(progress)}${more ? `; ${more}` : ''}`;
}

/** That a loop does not move, and why, is said as soon as it is known. */
function isNews({ note }: StepProgress, { noted }: Said): boolean {
  return note !== null && !noted;
}

function ending(step: StepRecord): string {
  const took = `${step.status} in ${duration((step.endedAt ?? step.startedAt) - step.startedAt)}`;
  return step.rows ? `${took}; ${plural(step.rows.read, 'row')}: ${outcomes(step.rows) || 'none'}` : took;
}

export const silentProgress: ProgressView = { update: () => {}, close: () => {} };
