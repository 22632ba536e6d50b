/** Row-by-row loops: which rows are open, how they ended, and what of a step depends on a row's values. */
import { setTimeout as sleep } from 'node:timers/promises';
import { Context } from '@temporalio/activity';
import type { Activities, ChooseInput, RenderInput } from '../src/contracts/activities.ts';
import { compileExpression } from '../src/core/expressions.ts';
import { compileValue } from '../src/core/templates.ts';
import type { Scope } from '../src/core/values.ts';
import { openRows } from '../src/delivery/open-rows.ts';
import { type RowReader, scopeOf } from '../src/delivery/row-reader.ts';
import { settleRows } from '../src/delivery/settle-rows.ts';
import { runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import { saveRunningStep } from './steps.ts';

type RowLoopActivities = Pick<Activities, 'openRows' | 'settleRows' | 'choose' | 'render'>;

export function rowLoopActivities(deps: ActivityDeps, rows: RowReader): RowLoopActivities {
  const { store } = deps;
  const options = (step: string) => ({ deps, retry: null, step });
  return {
    openRows: (input) =>
      runAttempt(options(input.loop.path), async ({ abort }) => {
        await saveRunningStep(deps, {
          ...input,
          stepId: input.loop.path,
          type: 'loop',
          attempts: 1,
          rows: input.around,
        });
        return openRows(input, { ...deps, signal: abort, sleep: (ms: number) => sleep(ms) });
      }),
    settleRows: (input) =>
      runAttempt({ ...options(input.loop.path), bookkeeping: true }, () => {
        const { workflowExecution } = Context.current().info;
        return settleRows(input, { store, rows, writer: `rows/${workflowExecution?.runId}` });
      }),
    choose: (input) =>
      runAttempt(options(input.path), async () => ({ branch: chosen(input, await scopeOf(input, rows)) })),
    render: (input) => runAttempt(options(input.path), async () => rendered(input, await scopeOf(input, rows))),
  };
}

function chosen({ conditions }: ChooseInput, scope: Scope): number | null {
  const names = Object.keys(scope);
  const holds = (source: string) => compileExpression(source, names, { functions: { rows: true } })(scope) === true;
  const branch = conditions.findIndex((source) => source === null || holds(source));
  return branch === -1 ? null : branch;
}

function rendered({ templates }: RenderInput, scope: Scope) {
  return Object.fromEntries(Object.entries(templates).map(([name, template]) => [name, compileValue(template)(scope)]));
}
