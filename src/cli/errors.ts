/** Errors as the command line shows them: `file:line:col  CODE  message` and what to do, or one JSON document. */
import { type ErrorReport, UpriverError } from '../core/errors.ts';
import type { Console } from './console.ts';
import { logUnexpected } from './log.ts';

/** Everything that is wrong with the project's files, at once. */
export class ProjectInvalid extends Error {
  readonly errors: readonly UpriverError[];
  constructor(errors: readonly UpriverError[]) {
    super(`${errors.length} errors in the project's files`);
    this.errors = errors;
  }
}

/** An error in `--json`. Position fields are null where the error is not in a file. */
export interface ErrorDocument {
  code: string;
  message: string;
  hint: string | null;
  file: string | null;
  line: number | null;
  column: number | null;
}

export function errorDocument(error: UpriverError): ErrorDocument {
  const { position } = error;
  return {
    code: error.code,
    message: error.message,
    hint: error.hint ?? null,
    file: position?.file ?? null,
    line: position?.line ?? null,
    column: position?.column ?? null,
  };
}

/** Everything that was thrown, as errors that a user may see. What is none of ours goes to the log with its stack. */
export async function toUserErrors(thrown: unknown, projectDir: string): Promise<readonly UpriverError[]> {
  if (thrown instanceof ProjectInvalid) return thrown.errors;
  if (thrown instanceof UpriverError) return [thrown];
  const file = await logUnexpected(thrown, projectDir);
  const message = thrown instanceof Error ? thrown.message : String(thrown);
  return [
    new UpriverError('INTERNAL_UNEXPECTED', message.split('\n', 1)[0] ?? '', {
      hint: file ? `This is a bug in upriver. The full stack is in ${file}.` : 'This is a bug in upriver.',
    }),
  ];
}

export function showErrors(console: Console, errors: readonly UpriverError[]): void {
  if (console.json) console.document({ errors: errors.map(errorDocument) });
  else for (const error of errors) showError(console, error);
}

export function showError(console: Console, error: UpriverError): void {
  const { position } = error;
  const where = position ? `${position.file}:${position.line}:${position.column}  ` : '';
  console.warn(`${console.err('bold', where)}${console.err('red', error.code)}  ${error.message}`);
  if (error.hint) console.warn(`  ${console.err('dim', '→')} ${error.hint}`);
}

/** An error that a run ended with, below its summary. Hints that name commands for RUN name this one. */
export function showReport(console: Console, report: ErrorReport, runId: string): void {
  console.warn(`${report.step ? `${report.step}  ` : ''}${console.err('red', report.code)}  ${report.message}`);
  if (report.hint) console.warn(`  ${console.err('dim', '→')} ${report.hint.replaceAll(/\bRUN\b/g, runId)}`);
}
