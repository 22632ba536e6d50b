/** The steps of a river. Steps within steps are parsed one by one, so that a mistake in one hides none in another. */
import * as z from 'zod';
import { Duration, Retry, RiverName, StepId, say, TemplateJson, TemplateText, Text, VariableName } from './common.ts';

/** Stands for a list of steps; the JSON Schema says so by reference. */
export const Steps = z
  .array(z.unknown())
  .min(1, say('there are no steps', 'Write at least one.'))
  .meta({ steps: true });

const Base = {
  id: StepId.describe('Unique in the river: the step’s identity in Temporal, logs and state'),
  name: Text.optional().describe('For people'),
  enabled: z.boolean().default(true).describe('false: the step is left out, but still checked'),
  on_error: z.enum(['fail', 'continue']).default('fail').describe('continue: the run goes on and ends partial'),
  retry: Retry.optional().describe('Of sql, script and action steps; what is within others has its own'),
  timeout: Duration.optional(),
};

const TableMode = z.enum(['overwrite', 'append', 'merge']);
const Inputs = z.record(z.string(), TemplateJson).default({});
const Outputs = z.record(z.string(), VariableName).default({});
const countHint = say('this is a number of rows or a share of them', 'Write 10 or 2%.');
const Count = z
  .union(
    [z.int(countHint).min(0, countHint), z.string().regex(/^(100(\.0+)?|\d{1,2}(\.\d+)?)%$/, countHint)],
    countHint,
  )
  .describe('A number of rows, or a share like 2%');

const Target = z
  .strictObject({
    table: Text.min(1).optional().describe('One to three dotted parts'),
    mode: TableMode.optional(),
    key: z.array(Text).min(1).optional().describe('merge: the columns that identify a row'),
    variable: VariableName.optional(),
  })
  .describe('Where the result goes: a table (with mode), or a variable');

const SqlStep = z
  .strictObject({
    type: z.literal('sql'),
    ...Base,
    connection: Text.describe('A warehouse'),
    query: Text.min(1).optional(),
    query_file: Text.min(1).optional(),
    script: Text.min(1).optional().describe('Many statements and no target'),
    script_file: Text.min(1).optional(),
    target: Target.optional(),
  })
  .describe('SQL in the warehouse’s own dialect; {name} is a bound value');

const ActionStep = z
  .strictObject({
    type: z.literal('action'),
    ...Base,
    action: Text,
    inputs: Inputs,
    outputs: Outputs.describe('The action’s output → a variable'),
  })
  .describe('One call of an action');

const Results = z
  .strictObject({
    variable: VariableName.optional(),
    connection: Text.optional(),
    table: Text.optional(),
    mode: z.enum(['overwrite', 'append']).optional(),
  })
  .describe('A row per row: its key, outcome, http_status, code, message, outputs');

const LoopStep = z
  .strictObject({
    type: z.literal('loop'),
    ...Base,
    over: Text.describe('A multiple variable'),
    as: z
      .union([z.array(VariableName).min(1), z.record(VariableName, Text)])
      .describe('Iterators by position, as in SELECT; or by name: { deal_id: DEAL_ID }'),
    key: z.array(VariableName).min(1).optional().describe('Iterators that identify a row from run to run'),
    send: z
      .enum(['all', 'changed'])
      .default('all')
      .describe('changed: only rows whose values differ from what was last delivered; needs key'),
    max_in_flight: z.int().min(1).default(20).describe('1: strictly one after the other'),
    tolerate: Count.default(0).describe(
      'Rows that may end rejected, failed or unknown before the step counts as failed',
    ),
    stop_after: Count.optional().describe('Stop the loop early after so many bad rows'),
    results: Results.optional(),
    steps: Steps,
  })
  .describe('Each row of a variable');

const SequenceStep = z
  .strictObject({ type: z.literal('sequence'), ...Base, steps: Steps })
  .describe('Steps one after the other');
const ParallelStep = z
  .strictObject({ type: z.literal('parallel'), ...Base, steps: Steps })
  .describe('Steps at the same time');

const Branch = z
  .strictObject({
    if: Text.min(1).optional().describe('CEL over inputs and variables; rows(name) counts a multiple one'),
    else: z.literal(true).optional().describe('Last of the branches'),
    then: z
      .enum(['skip', 'stop', 'fail'])
      .optional()
      .describe('skip this container, stop the river (succeeded), or fail'),
    message: TemplateText.optional().describe('Of fail'),
    steps: Steps.optional(),
  })
  .describe('The first branch whose condition holds is taken');
const ConditionStep = z
  .strictObject({ type: z.literal('condition'), ...Base, branches: z.array(Branch).min(1) })
  .describe('One branch of several');

const RiverStep = z
  .strictObject({
    type: z.literal('river'),
    ...Base,
    river: RiverName,
    inputs: Inputs,
    outputs: Outputs.describe('The called river’s variable → a variable here'),
    wait: z.boolean().default(true),
  })
  .describe('Another river');

const ScriptStep = z
  .strictObject({
    type: z.literal('script'),
    ...Base,
    run: z.array(Text).min(1).describe('Program and arguments; they may hold {references}'),
    inputs: Inputs.describe('JSON on stdin'),
    outputs: Outputs.describe('Field of the JSON on stdout → variable'),
  })
  .describe('A program, with JSON on stdin and stdout');

export const Step = z.discriminatedUnion('type', [
  SqlStep,
  ActionStep,
  LoopStep,
  SequenceStep,
  ParallelStep,
  ConditionStep,
  RiverStep,
  ScriptStep,
]);
export type Step = z.infer<typeof Step>;
