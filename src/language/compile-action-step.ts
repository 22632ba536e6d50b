/** A step that calls an action. */
import type { ActionPlan, ActionStep } from '../contracts/plan.ts';
import { didYouMean } from '../core/suggest.ts';
import {
  baseOf,
  checkInputs,
  checkOutputVariables,
  type Parsed,
  type StepContext,
  unknownOutput,
} from './compile-steps.ts';
import { checkTemplate } from './names.ts';
import type { Path } from './source.ts';

export function compileActionStep(step: Parsed<'action'>, path: Path, context: StepContext): ActionStep {
  const { file, registry, names } = context;
  const { action: name, inputs, outputs } = step;
  const action = registry.actions.get(name);
  if (action === undefined) {
    const hint = didYouMean(name, registry.actions.keys(), 'Define it in actions/.');
    file.add([...path, 'action'], { code: 'RIVER_UNKNOWN_ACTION', message: `no action is named '${name}'`, hint });
  }
  if (action) checkAgainst(action, step, path, context);
  checkTemplate(inputs, names, file, [...path, 'inputs']);
  checkOutputVariables(outputs, path, context);
  return { ...baseOf(step), type: 'action', action: name, inputs, outputs };
}

function checkAgainst(action: ActionPlan, step: Parsed<'action'>, path: Path, context: StepContext): void {
  const { file, loop } = context;
  checkInputs({ step: `action ${action.name}`, inputs: action.inputs, given: step.inputs, path }, context);
  for (const output of Object.keys(step.outputs)) {
    if (!action.outputs.includes(output))
      file.add([...path, 'outputs', output], unknownOutput(output, action.outputs), { at: 'key' });
  }
  if (!loop && JSON.stringify(action.requests).includes('{row.')) {
    const message = `${action.name} refers to {row.number}, which is known in loops only`;
    file.add([...path, 'action'], {
      code: 'RIVER_UNKNOWN_VARIABLE',
      message,
      hint: 'Call it from a loop, or take the reference out of it.',
    });
  }
  if (!action.batch || loop?.only) return;
  file.add([...path, 'action'], {
    code: 'RIVER_BATCH',
    message: `${action.name} is a batch action, which must be the only step of a loop's body`,
    hint: 'Give it a loop of its own.',
  });
}
