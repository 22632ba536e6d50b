/** The endpoints for one deal: read, list, update, create, archive. */
import { type Call, type Endpoint, isObject, type World } from './call.ts';
import { type Deal, isoTime } from './deals.ts';
import type { Problem, Values } from './properties.ts';
import {
  dealJson,
  dealNotFound,
  invalid,
  invalidProperties,
  notUnique,
  ok,
  READ_SCOPE,
  type Reply,
  WRITE_SCOPE,
} from './replies.ts';

/** What HubSpot shows of a deal when not asked for certain properties. */
const SHOWN = [
  'amount',
  'closedate',
  'createdate',
  'dealname',
  'dealstage',
  'hs_lastmodifieddate',
  'hs_object_id',
  'pipeline',
];

export const updateDeal: Endpoint = {
  scope: WRITE_SCOPE,
  body: true,
  rows: (call) => [{ id: call.id, idProperty: call.query.get('idProperty') }],
  run(call, world) {
    const given = isObject(call.body) ? call.body.properties : undefined;
    if (!isObject(given)) return invalid(call, missing('properties'));
    const found = lookUp(call, world);
    if ('status' in found) return found;
    const checked = check(world, given, found);
    if ('problems' in checked) return invalidProperties(call, checked.problems);
    if (isEmpty(checked.values)) return invalid(call, 'No properties found to update, please provide at least one.');
    world.deals.write(found, checked.values, call.at);
    return ok(dealJson(found, written(found, checked.values)), [found]);
  },
};

export const readDeal: Endpoint = {
  scope: READ_SCOPE,
  run(call, world) {
    const found = lookUp(call, world);
    if ('status' in found) return found;
    return ok(dealJson(found, shown(world, found, listOf(call.query, 'properties'))));
  },
};

export const listDeals: Endpoint = {
  scope: READ_SCOPE,
  run(call, world) {
    const limit = Number(call.query.get('limit') ?? 10);
    const after = Number(call.query.get('after') ?? 0);
    if (!Number.isInteger(limit) || limit < 1 || limit > 100) return invalid(call, 'limit must be between 1 and 100');
    if (!Number.isInteger(after) || after < 0) return invalid(call, 'after is not a cursor that this API gave');
    const wanted = listOf(call.query, 'properties');
    const { deals, next } = world.deals.page(after, limit);
    const results = deals.map((deal) => dealJson(deal, shown(world, deal, wanted)));
    const link = `https://api.hubapi.com/crm/v3/objects/deals?limit=${limit}&after=${next}`;
    const paging = next === null ? '' : `,"paging":${JSON.stringify({ next: { after: String(next), link } })}`;
    return ok(`{"results":[${results.join(',')}]${paging}}`);
  },
};

/** Not idempotent: sent twice it makes two deals, as HubSpot does. */
export const createDeal: Endpoint = {
  scope: WRITE_SCOPE,
  body: true,
  rows: () => [],
  run(call, world) {
    const given = isObject(call.body) ? call.body.properties : undefined;
    if (!isObject(given)) return invalid(call, missing('properties'));
    const checked = check(world, given, null);
    if ('problems' in checked) return invalidProperties(call, checked.problems);
    const deal = world.deals.create(checked.values, call.at);
    return ok(dealJson(deal, written(deal, checked.values)), [deal], 201);
  },
};

export const archiveDeal: Endpoint = {
  scope: WRITE_SCOPE,
  rows: (call) => [{ id: call.id, idProperty: null }],
  run(call, world) {
    const deal = world.deals.find(call.id);
    if (deal) world.deals.archive(deal, call.at);
    return ok('', deal ? [deal] : [], 204);
  },
};

/** The deal in the path, or the answer to give instead. */
function lookUp(call: Call, world: World): Deal | Reply {
  const idProperty = call.query.get('idProperty');
  if (idProperty !== null && !world.properties.get(idProperty)?.hasUniqueValue) return notUnique(call, idProperty);
  return world.deals.find(call.id, idProperty) ?? dealNotFound(call, call.id);
}

/** Values ready to store, or why not: wrong themselves, or taken by another deal where they must be unique. */
export function check(
  world: World,
  given: Record<string, unknown>,
  owner: Deal | null,
): { values: Values } | { problems: Problem[] } {
  const { values, problems } = world.properties.check(given);
  for (const name of world.properties.unique) {
    const value = values[name];
    const holder = value == null ? undefined : world.deals.find(value, name);
    if (!holder || holder === owner) continue;
    problems.push({ name, code: 'CONFLICTING_UNIQUE_VALUE', message: `${holder.id} already has that value.` });
  }
  return problems.length > 0 ? { problems } : { values };
}

/** What a write shows: the values it set and the deal's own. */
export function written(deal: Deal, values: Values): Values {
  return { ...values, hs_lastmodifieddate: isoTime(deal.updatedAt), hs_object_id: deal.id };
}

/** The wanted properties that exist, null where not set; HubSpot always adds these three. */
export function shown(world: World, deal: Deal, wanted: readonly string[]): Values {
  const values = world.deals.values(deal);
  const out: Values = {};
  const names = wanted.length === 0 ? SHOWN : [...wanted, 'createdate', 'hs_lastmodifieddate', 'hs_object_id'];
  for (const name of names) if (world.properties.get(name)) out[name] = values[name] ?? null;
  return out;
}

function listOf(query: URLSearchParams, name: string): string[] {
  return query
    .getAll(name)
    .flatMap((text) => text.split(','))
    .filter((text) => text !== '');
}

export function missing(attribute: string): string {
  return `Invalid input JSON on line 1, column 1: Cannot build the input, some of required attributes are not set [${attribute}]`;
}

export function isEmpty(values: Values): boolean {
  for (const _ in values) return false;
  return true;
}
