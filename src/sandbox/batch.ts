/** The endpoints for many deals at once, with all the ways in which HubSpot tells of bad records among them. */
import { type Call, type Endpoint, isObject, type RowName, type World } from './call.ts';
import { type Deal, isoTime } from './deals.ts';
import { check, isEmpty, missing, shown, written } from './objects.ts';
import type { Problem, Values } from './properties.ts';
import { shuffled } from './random.ts';
import {
  dealJson,
  invalid,
  invalidProperties,
  notUnique,
  ok,
  problemsMessage,
  READ_SCOPE,
  type Reply,
  WRITE_SCOPE,
} from './replies.ts';

const MOST_INPUTS = 100;
const NOT_FOUND = 'Could not get some DEAL objects, they may be deleted or not exist. Check that ids are valid.';

interface Input extends RowName {
  properties: Record<string, unknown>;
  traceId: string | null;
}

/** An input that can be stored: into this deal, or (null) into a new one. */
interface Good {
  input: Input;
  deal: Deal | null;
  values: Values;
}

interface Bad {
  input: Input;
  category: 'OBJECT_NOT_FOUND' | 'VALIDATION_ERROR';
  message: string;
  problems: Problem[];
}

export const batchUpdate: Endpoint = {
  scope: WRITE_SCOPE,
  body: true,
  rows: (call) => rowNames(call),
  run(call, world) {
    const inputs = readInputs(call, { ids: true });
    if (!Array.isArray(inputs)) return inputs;
    const unusable = duplicates(call, inputs) ?? nonUnique(call, world, inputs);
    if (unusable) return unusable;
    const judged = inputs.map((input) => judge(world, input, world.deals.find(input.id, input.idProperty)));
    return store(call, world, { judged, status: 200 });
  },
};

/** Creates what is not there yet, by a property that must be unique. */
export const batchUpsert: Endpoint = {
  scope: WRITE_SCOPE,
  body: true,
  rows: (call) => rowNames(call),
  run(call, world) {
    const inputs = readInputs(call, { ids: true });
    if (!Array.isArray(inputs)) return inputs;
    if (inputs.some((input) => input.idProperty === null)) return invalid(call, 'idProperty is required for upsert');
    const unusable = duplicates(call, inputs) ?? nonUnique(call, world, inputs);
    if (unusable) return unusable;
    return store(call, world, { judged: inputs.map((input) => judgeUpsert(world, input)), status: 200, upsert: true });
  },
};

export const batchCreate: Endpoint = {
  scope: WRITE_SCOPE,
  body: true,
  rows: () => [],
  run(call, world) {
    const inputs = readInputs(call, { ids: false });
    if (!Array.isArray(inputs)) return inputs;
    return store(call, world, { judged: inputs.map((input) => judge(world, input, null)), status: 201 });
  },
};

export const batchRead: Endpoint = {
  scope: READ_SCOPE,
  body: true,
  run(call, world) {
    const inputs = readInputs(call, { ids: true });
    if (!Array.isArray(inputs)) return inputs;
    const unusable = nonUnique(call, world, inputs);
    if (unusable) return unusable;
    const asked = isObject(call.body) && Array.isArray(call.body.properties) ? call.body.properties.map(String) : [];
    const results: string[] = [];
    const missingIds: string[] = [];
    for (const { id, idProperty } of inputs) {
      const deal = world.deals.find(id, idProperty);
      if (deal) results.push(dealJson(deal, shown(world, deal, asked)));
      else missingIds.push(id);
    }
    const error = { status: 'error', category: 'OBJECT_NOT_FOUND', message: NOT_FOUND, context: { ids: missingIds } };
    return missingIds.length === 0
      ? complete(call, 200, { results })
      : complete(call, 207, { results, errors: [error] });
  },
};

function rowNames(call: Call): RowName[] {
  const inputs = isObject(call.body) && Array.isArray(call.body.inputs) ? call.body.inputs : [];
  return inputs.filter(isObject).map((input) => rowName(call, input));
}

function rowName(call: Call, input: Record<string, unknown>): RowName {
  const shared = isObject(call.body) ? call.body.idProperty : undefined;
  const idProperty = input.idProperty ?? shared;
  return { id: String(input.id), idProperty: typeof idProperty === 'string' ? idProperty : null };
}

/** The batch's inputs, or the 400 for one that HubSpot does not even look into. */
function readInputs(call: Call, { ids }: { ids: boolean }): Input[] | Reply {
  const given = isObject(call.body) ? call.body.inputs : undefined;
  if (!Array.isArray(given)) return invalid(call, missing('inputs'));
  if (given.length === 0) return invalid(call, 'The batch has no inputs. Please provide at least one');
  if (given.length > MOST_INPUTS) {
    return invalid(
      call,
      `The maximum number of inputs supported in a batch is ${MOST_INPUTS}. Please reduce the number of items and try again`,
    );
  }
  const inputs: Input[] = [];
  for (const item of given) {
    if (!isObject(item)) return invalid(call, missing('inputs'));
    if (ids && typeof item.id !== 'string' && typeof item.id !== 'number') return invalid(call, missing('id'));
    const properties = isObject(item.properties) ? item.properties : {};
    const traceId = typeof item.objectWriteTraceId === 'string' ? item.objectWriteTraceId : null;
    inputs.push({ ...rowName(call, item), properties, traceId });
  }
  return inputs;
}

function duplicates(call: Call, inputs: readonly Input[]): Reply | null {
  const seen = new Set<string>();
  const twice = new Set<string>();
  for (const { id } of inputs) {
    if (seen.has(id)) twice.add(id);
    seen.add(id);
  }
  if (twice.size === 0) return null;
  const ids = [...twice];
  return invalid(call, `Duplicate IDs found in batch input: [${ids.join(', ')}]. IDs must be unique`, { ids });
}

function nonUnique(call: Call, world: World, inputs: readonly Input[]): Reply | null {
  for (const { idProperty } of inputs) {
    if (idProperty !== null && !world.properties.get(idProperty)?.hasUniqueValue) return notUnique(call, idProperty);
  }
  return null;
}

/** `deal`: the one to write to, null for a new one, undefined if it is not there. */
function judge(world: World, input: Input, deal: Deal | null | undefined): Good | Bad {
  if (deal === undefined) return { input, category: 'OBJECT_NOT_FOUND', message: NOT_FOUND, problems: [] };
  const checked = check(world, input.properties, deal);
  if ('problems' in checked) {
    const { problems } = checked;
    return { input, category: 'VALIDATION_ERROR', message: problemsMessage(problems), problems };
  }
  if (deal && isEmpty(checked.values)) {
    const message = 'No properties found to update, please provide at least one.';
    return { input, category: 'VALIDATION_ERROR', message, problems: [] };
  }
  return { input, deal, values: checked.values };
}

function judgeUpsert(world: World, input: Input): Good | Bad {
  const deal = world.deals.find(input.id, input.idProperty) ?? null;
  const properties = input.idProperty ? { [input.idProperty]: input.id, ...input.properties } : input.properties;
  return judge(world, { ...input, properties }, deal);
}

interface Judged {
  judged: readonly (Good | Bad)[];
  /** The reply's, if all are good. */
  status: 200 | 201;
  /** Tell of each whether it is new. */
  upsert?: boolean;
}

/** Writes the good inputs and answers for the bad ones as `badRecords` says. */
function store(call: Call, world: World, { judged, status, upsert }: Judged): Reply {
  const bad = judged.filter((each): each is Bad => 'category' in each);
  const how = world.settings.badRecords;
  const [first] = bad;
  if (first && how === 'whole-400') {
    return first.problems.length > 0 ? invalidProperties(call, first.problems) : invalid(call, first.message);
  }
  const wrote: Deal[] = [];
  const results: string[] = [];
  for (const each of judged) {
    if ('category' in each) continue;
    const deal = each.deal ?? world.deals.create(each.values, call.at);
    if (each.deal) world.deals.write(deal, each.values, call.at);
    wrote.push(deal);
    results.push(dealJson(deal, written(deal, each.values), resultExtras(each, upsert)));
  }
  if (!first) return complete(call, status, { results, wrote });
  if (how === '200-missing')
    return complete(call, status, { results: shuffled(results, world.seed + call.number), wrote });
  return complete(call, 207, {
    results,
    wrote,
    errors: how === '207-missing' ? [] : bad.map((each) => recordError(each, how)),
  });
}

function resultExtras({ input, deal }: Good, upsert = false): Record<string, unknown> {
  const extras: Record<string, unknown> = {};
  if (upsert) extras.new = deal === null;
  if (input.traceId !== null) extras.objectWriteTraceId = input.traceId;
  return extras;
}

function recordError({ input, category, message, problems }: Bad, how: string): unknown {
  const context: Record<string, string[]> = { ids: [how === '207-blank-ids' ? '' : input.id] };
  if (input.traceId !== null) context.objectWriteTraceId = [input.traceId];
  const errors = problems.map((problem) => ({
    message: problem.message,
    code: problem.code,
    context: { propertyName: [problem.name] },
  }));
  return { status: 'error', category, message, context, errors };
}

interface Completed {
  results: readonly string[];
  wrote?: readonly Deal[];
  errors?: readonly unknown[];
}

function complete(call: Call, status: number, { results, wrote, errors }: Completed): Reply {
  const time = isoTime(call.at);
  const failures = errors ? `,"numErrors":${errors.length},"errors":${JSON.stringify(errors)}` : '';
  const dates = `"startedAt":"${time}","completedAt":"${time}"`;
  return ok(`{"status":"COMPLETE","results":[${results.join(',')}]${failures},${dates}}`, wrote, status);
}
