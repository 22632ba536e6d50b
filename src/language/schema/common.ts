/** Pieces that the files' schemas share. Schema and type share one name. */
import * as z from 'zod';
import type { Json } from '../../contracts/plan.ts';
import { parseDuration, parseSize } from '../../core/durations.ts';
import type { UpriverError } from '../../core/errors.ts';

/** What a refused value says, packed into zod's one message. */
export function say(message: string, hint: string, code?: string): string {
  return JSON.stringify(code ? [message, hint, code] : [message, hint]);
}

export const RiverName = z
  .string()
  .regex(
    /^[a-z0-9][a-z0-9-]*$/,
    say('a name has only a-z, 0-9 and -, and no - in front', 'Write it like trial-deals.', 'RIVER_BAD_NAME'),
  )
  .max(100);
export const StepId = z
  .string()
  .regex(/^[a-z0-9_-]+$/, say('an id has only a-z, 0-9, _ and -', 'Write it like each_deal.', 'RIVER_BAD_NAME'))
  .max(100);

const RESERVED = ['run', 'river', 'row', '__proto__'];
export const VariableName = z
  .string()
  .regex(
    /^[A-Za-z_][A-Za-z0-9_]*$/,
    say(
      'a name here has only letters, digits and _, and no digit in front',
      'Write it like deal_id.',
      'RIVER_BAD_NAME',
    ),
  )
  .refine(
    (name) => !RESERVED.includes(name),
    say('this name is built in ({run.id}, {river.name}, {row.number})', 'Take another name.', 'RIVER_BAD_NAME'),
  );

export const Duration = z
  .string(say('a duration is a number with a unit', 'Write 250ms, 30s, 5m, 2h or 1d.'))
  .transform((text, context) => amount(() => parseDuration(text), context))
  .describe('A duration: 250ms, 30s, 5m, 2h, 1d');
export const Size = z
  .string(say('a size is a number with a unit', 'Write 512KB or 3MB.'))
  .transform((text, context) => amount(() => parseSize(text), context))
  .describe('A size: 512KB, 3MB');

function amount(parse: () => number, context: z.core.$RefinementCtx<string>): number {
  try {
    const value = parse();
    if (value > 0) return value;
    context.issues.push({
      code: 'custom',
      input: context.value,
      message: say('this must be more than nothing', 'Write for example 30s.'),
    });
  } catch (error) {
    const { message, hint = '' } = error as UpriverError;
    context.issues.push({ code: 'custom', input: context.value, message: say(message, hint) });
  }
  return z.NEVER;
}

export const Text = z.string(say('this is a text', 'Put it in quotes.'));
/** A number or a truth value is its text. */
export const AnyText = z
  .union([z.string(), z.number(), z.boolean()], say('this is a text', 'Put it in quotes.'))
  .transform(String);
export const TemplateText = AnyText.describe('Text that may hold {references}');
/** Any JSON; nothing in it is filled in. */
export const PlainJson = z.custom<Json>().describe('Any value, as it stands: {references} are not filled in here');
/** Any JSON, references in its texts. */
export const TemplateJson = z.custom<Json>().describe('Any value; texts in it may hold {references}');

export const Env = z.strictObject({ env: Text.min(1).describe('Name of an environment variable of the worker') });
export const File = z.strictObject({ file: Text.min(1).describe('Path of a file, relative to the project') });
export const Reference = z.union([Env, File], {
  error: (issue) =>
    typeof issue.input === 'object'
      ? say('a reference has exactly one of env and file', 'Write { env: NAME } or { file: PATH }.')
      : say(
          'a secret stands in the file',
          'Keep it in the environment or a file of its own: { env: NAME } or { file: PATH }.',
          'SECRET_IN_FILE',
        ),
});
export type Reference = z.infer<typeof Reference>;

/** A field that may be given by reference too. */
export function resolvable<T extends z.ZodType>(schema: T) {
  return z.union([schema, Env, File]);
}

/** A database URL may be written out as long as no password is in it. */
export const DatabaseUrl = resolvable(
  Text.regex(
    /^postgres(ql)?:\/\//,
    say('this is not a postgres:// URL', 'Write postgres://user@host/database, or { env: NAME }.'),
  ).refine(
    (url) => !/^\w+:\/\/[^/@]*:[^/@]+@/.test(url) && !/[?&]password=/i.test(url),
    say('the URL holds a password', 'Keep the URL in the environment: { env: NAME }.', 'SECRET_IN_FILE'),
  ),
);

export const Retry = z
  .strictObject({
    attempts: z.int().min(1).max(1000).default(5).describe('Tries in all, the first included'),
    initial: Duration.prefault('1s').describe('Pause after the first failure; it doubles from there'),
    max: Duration.prefault('60s').describe('Longest pause'),
  })
  .describe('How often to try, with what pauses');
export type Retry = z.infer<typeof Retry>;

export const Overlap = z
  .enum(['skip', 'queue', 'cancel_running', 'allow'])
  .describe('What happens to a run that is asked for while one of this river is in flight');
