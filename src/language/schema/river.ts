/** rivers/*.yaml: a logic river. */
import * as z from 'zod';
import { Duration, Overlap, PlainJson, RiverName, say, Text, VariableName } from './common.ts';
import { Steps } from './steps.ts';

const Input = z
  .strictObject({
    type: z.enum(['string', 'integer', 'number', 'boolean', 'json']).default('string'),
    default: PlainJson.optional().describe('Without one the input must be given; {references} are not filled in here'),
    description: Text.optional(),
  })
  .describe('Given with --input k=v, a schedule, or a calling river');

const Variable = z
  .union([
    z.null(),
    z.strictObject({
      multiple: z.boolean().default(false).describe('Holds rows; a loop can walk it'),
      initial: PlainJson.optional(),
      persist: z.boolean().default(false).describe('Keeps its value from run to run: saved when a run ends succeeded'),
      description: Text.optional(),
    }),
  ])
  .describe('A value, or rows, that steps hand on');

const Schedule = z
  .strictObject({
    cron: Text.describe('Minute, hour, day of month, month, day of week'),
    timezone: Text.default('UTC'),
    inputs: z.record(z.string(), PlainJson).default({}),
    jitter: Duration.optional().describe('Each start is late by up to this'),
    catchup: Duration.optional().describe('Starts missed by no more than this are made up for'),
    overlap: Overlap.optional(),
    pause_on_failure: z.boolean().default(false),
  })
  .describe('When the river runs by itself');

export const RiverFile = z
  .strictObject({
    name: RiverName.describe('The workflow type that Temporal’s UI shows'),
    description: Text.optional(),
    inputs: z.record(VariableName, z.union([z.null(), Input])).default({}),
    variables: z.record(VariableName, Variable).default({}),
    timeout: Duration.optional(),
    overlap: Overlap.default('skip'),
    steps: Steps,
    schedules: z.array(Schedule, say('schedules is a list', "Write - { cron: '0 6 * * *' }.")).default([]),
  })
  .describe('A logic river');
export type RiverFile = z.infer<typeof RiverFile>;
