/** Progress for a human at a terminal: a block of lines, a step each, that redraws itself. */
import { createLogUpdate } from 'log-update';
import type { StepStatus } from '../core/store.ts';
import type { Console, Style } from './console.ts';
import { duration, number, outcomes, rate } from './format.ts';
import type { ProgressView, StepProgress } from './progress.ts';

const SPINNER = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const BAR = 20;
const MARKS = {
  running: ['cyan', '⠿'],
  succeeded: ['green', '✓'],
  partial: ['yellow', '!'],
  failed: ['red', '✗'],
  cancelled: ['yellow', '■'],
  skipped: ['dim', '–'],
} as const satisfies Record<StepStatus, readonly [Parameters<Style>[0], string]>;

export function liveProgress(console: Console): ProgressView {
  const draw = createLogUpdate(process.stdout);
  let frame = 0;
  return {
    update(steps, now) {
      const spinner = SPINNER[frame++ % SPINNER.length] ?? '';
      const width = Math.max(0, ...steps.map(({ step }) => step.stepId.length));
      draw(steps.map((progress) => line(console, progress, { spinner, width, now })).join('\n'));
    },
    // The summary that follows says it all again, in full.
    close: () => draw.clear(),
  };
}

function line(console: Console, progress: StepProgress, at: { spinner: string; width: number; now: number }): string {
  const { step } = progress;
  const [colour, mark] = MARKS[step.status];
  const running = step.status === 'running';
  const start = `  ${console.out(colour, running ? at.spinner : mark)} ${step.stepId.padEnd(at.width)}  `;
  const took = duration((step.endedAt ?? at.now) - step.startedAt);
  if (!step.rows) return `${start}${took}`;
  const seen = outcomes(step.rows, ['not_attempted']);
  if (!running) return `${start}${took}  ${number(step.rows.read)} rows: ${seen}`;
  const done = step.rows.read - step.rows.not_attempted;
  const why = progress.note ? `\n    ${console.out('yellow', progress.note)}` : '';
  return `${start}${bar(done, step.rows.read)} ${paceOf(progress)}${seen ? `  ${seen}` : ''}${why}`;
}

/** `312 of 500 rows, 62 rows/s, 3.1 s left` */
export function paceOf({ step, perSecond, leftMs }: StepProgress): string {
  if (!step.rows) return '';
  const parts = [`${number(step.rows.read - step.rows.not_attempted)} of ${number(step.rows.read)} rows`];
  if (perSecond !== null) parts.push(`${rate(perSecond)} rows/s`);
  if (leftMs !== null) parts.push(`${duration(leftMs)} left`);
  return parts.join(', ');
}

function bar(done: number, total: number): string {
  const filled = total === 0 ? BAR : Math.floor((done / total) * BAR);
  return '█'.repeat(filled) + '░'.repeat(BAR - filled);
}
