/** CEL conditions and mappings: compiled once, evaluated often, by one pinned library. */
import { type Environment, EvaluationError, ParseError, TypeError as CelTypeError } from '@marcbachmann/cel-js';
import type { Cel } from '../contracts/plan.ts';
import { fromCel, nullSafeEnvironment, strictEnvironment, toCelOnce } from './cel-environment.ts';
import { ExpressionError, type ExpressionOptions, PREFIX, type Rewritten, rewrite } from './cel-rewrite.ts';
import { UpriverError } from './errors.ts';
import type { Scope, Value } from './values.ts';

export { ExpressionError, type ExpressionOptions } from './cel-rewrite.ts';

export type Expression = (scope: Scope) => Value;

/**
 * Compiles CEL over the given names. Throws {@link ExpressionError} for bad syntax, unknown names and functions and
 * impossible types. The closure throws UpriverError RIVER_EXPRESSION when the values do not fit the expression.
 */
export function compileExpression(source: Cel, names: readonly string[], options: ExpressionOptions = {}): Expression {
  const environment = environmentFor(options);
  const rewritten = rewrite(parseSource(environment, source), names, options);
  const evaluate = compileRewritten(environment, rewritten);
  return (scope) => {
    const context: Record<string, unknown> = Object.create(null);
    for (const name of rewritten.used) context[PREFIX + name] = toCelOnce(scope[name] ?? null);
    try {
      return fromCel(evaluate(context));
    } catch (error) {
      throw failure(source, error);
    }
  };
}

type Evaluate = (context: Record<string, unknown>) => unknown;

function parseSource(environment: Environment, source: Cel) {
  return reported(
    () => environment.parse(source).ast,
    (offset) => offset,
  );
}

function compileRewritten(environment: Environment, { text, used, sourceOffset }: Rewritten): Evaluate {
  const scoped = environment.clone();
  for (const name of used) scoped.registerVariable(PREFIX + name, 'dyn');
  return reported(() => {
    const parsed = scoped.parse(text);
    const checked = parsed.check();
    if (!checked.valid) throw checked.error;
    return parsed;
  }, sourceOffset);
}

/** Runs `compile`, turning the library's errors into ours; `place` maps their offsets to the source's. */
function reported<T>(compile: () => T, place: (offset: number) => number): T {
  try {
    return compile();
  } catch (error) {
    if (!(error instanceof ParseError || error instanceof CelTypeError)) throw error;
    const message = error.summary
      .replaceAll(PREFIX, '')
      .replace('Unexpected token: EOF', 'the expression ends too early');
    throw new ExpressionError(place(error.range?.start ?? 0), message, hintFor(message));
  }
}

function hintFor(message: string): string {
  if (message.startsWith('Unexpected character: =')) return "Equality is written '=='.";
  if (message.includes('overload')) return 'Check the function, its arguments and their types.';
  return "Conditions and mappings are CEL: status == 404 && body.code in ['A', 'B'].";
}

/** Of the library's messages those about a conversion quote the value: they are left out. */
const QUOTES_VALUE = /conversion|regular_expression|timestamp|duration/;

function failure(source: Cel, error: unknown): unknown {
  if (!(error instanceof EvaluationError)) return error;
  const why = QUOTES_VALUE.test(error.code) ? error.code.replaceAll('_', ' ') : error.summary;
  return new UpriverError('RIVER_EXPRESSION', `the expression ${source} failed: ${why.replaceAll(PREFIX, '')}`, {
    hint: 'Make the expression fit the values that it meets, for example by comparing with null first.',
    context: { expression: source },
  });
}

let strict: Environment | undefined;
let nullSafe: Environment | undefined;

function environmentFor(options: ExpressionOptions): Environment {
  if (options.nullSafe) {
    nullSafe ??= nullSafeEnvironment();
    return nullSafe;
  }
  strict ??= strictEnvironment();
  return strict;
}

/** Whether one of the expressions may read one of the names. A text that merely looks like it counts too. */
export function readsAny(sources: readonly (Cel | null)[], names: ReadonlySet<string>): boolean {
  return sources.some((source) => source?.match(/\w+/g)?.some((word) => names.has(word)));
}
