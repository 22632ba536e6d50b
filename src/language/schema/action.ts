/** actions/*.yaml: one request, a batch of rows in one request, or several requests in order. */
import * as z from 'zod';
import {
  Duration,
  PlainJson,
  Retry,
  RiverName,
  Size,
  StepId,
  say,
  TemplateJson,
  TemplateText,
  Text,
  VariableName,
} from './common.ts';

const Cel = Text.min(1).describe('CEL over status, headers, body, attempt');

export const Request = z
  .strictObject({
    method: z
      .string()
      .transform((method) => method.toUpperCase())
      .pipe(
        z.enum(
          ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE'],
          say('this is not a method', 'Write GET, POST, PUT, PATCH or DELETE.'),
        ),
      ),
    path: Text.optional().describe('Below the connection’s base URL; values are percent-encoded'),
    url: Text.optional().describe('An absolute URL instead of path'),
    query: z.record(z.string(), TemplateJson).default({}).describe('A null value leaves the parameter out'),
    headers: z.record(z.string(), TemplateText).default({}),
    body: TemplateJson.optional().describe('JSON'),
    form: z.record(z.string(), TemplateJson).optional().describe('A form-encoded body'),
    text: Text.optional().describe('A text body; needs content_type'),
    content_type: Text.optional().describe('Of a text body'),
  })
  .describe('The request');

export const Rule = z
  .strictObject({
    when: Cel,
    then: z.enum(['deliver', 'skip', 'reject', 'retry', 'wait', 'stop']),
    because: Text.optional().describe('What the row’s outcome says; may hold {status}, {body.…}'),
    for: Duration.optional().describe('For wait and retry: how long'),
  })
  .describe('What a reply means; the first rule that matches wins, then the defaults');

const Response = z
  .strictObject({
    rules: z.array(Rule).default([]),
    outputs: z.record(VariableName, Cel).default({}).describe('Values taken from the reply'),
    rows: z
      .strictObject({
        id: Text.describe('How a row is named in the answer'),
        delivered: Cel.optional().describe('A list of the ids that were taken'),
        rejected: Cel.optional().describe("A list of { 'id', 'code', 'message' } of those refused"),
      })
      .optional()
      .describe('Batches: which rows were taken, which refused'),
    split_when: Cel.optional().describe('Batches: halve it until the bad rows stand alone'),
  })
  .describe('How replies are read');

export const NO_RESPONSE = Response.parse({});

const ActionInput = z
  .union([z.null(), z.strictObject({ default: PlainJson.optional(), description: Text.optional() })])
  .describe('An input; with a default it may be left out');

const ActionStep = z
  .strictObject({
    id: StepId.regex(
      /^[a-z_]/,
      say('later steps refer to it, so it begins with a letter or _', 'Write it like token.', 'RIVER_BAD_NAME'),
    ),
    inputs: z.record(VariableName, TemplateJson).default({}).describe('More names for this request'),
    request: Request,
    response: Response.prefault({}),
    idempotent: z.boolean().optional(),
  })
  .describe('One request of a multi-action; later ones may read {id.output}');

export const ActionFile = z
  .strictObject({
    name: RiverName,
    description: Text.optional(),
    connection: Text.describe('An http connection'),
    inputs: z
      .union([z.array(VariableName), z.record(VariableName, ActionInput)])
      .default([])
      .describe('Names that the request may refer to'),
    batch: z
      .strictObject({ rows: z.int().min(1).max(10_000), bytes: Size.prefault('3MB') })
      .optional()
      .describe('Many rows in one request'),
    request: Request.optional(),
    response: Response.optional(),
    steps: z.array(ActionStep).min(1).optional().describe('Several requests, in order'),
    idempotent: z
      .boolean()
      .optional()
      .describe(
        'Whether the request may be sent again when it is not known whether it was applied. Default by method: POST no, others yes',
      ),
    retry: Retry.prefault({}),
  })
  .describe('A REST action');
export type ActionFile = z.infer<typeof ActionFile>;
export type ActionRequest = z.infer<typeof Request>;
export type ActionResponse = z.infer<typeof Response>;
export type ActionRule = z.infer<typeof Rule>;
