/** Deal search: equality and membership filters, paging; enough to meet its own, lower rate limit. */
import { type Endpoint, isObject } from './call.ts';
import type { Deal } from './deals.ts';
import { shown } from './objects.ts';
import type { Values } from './properties.ts';
import { dealJson, invalid, ok, READ_SCOPE } from './replies.ts';

const MOST_RESULTS = 200;

type Test = (values: Values) => boolean;

export const searchDeals: Endpoint = {
  scope: READ_SCOPE,
  body: true,
  run(call, world) {
    const body = isObject(call.body) ? call.body : {};
    const limit = Number(body.limit ?? 10);
    const after = Number(body.after ?? 0);
    if (!Number.isInteger(limit) || limit < 1 || limit > MOST_RESULTS) {
      return invalid(call, `limit must be between 1 and ${MOST_RESULTS}`);
    }
    const tests = readFilters(body.filterGroups);
    if (typeof tests === 'string') return invalid(call, tests);
    const wanted = Array.isArray(body.properties) ? body.properties.map(String) : [];
    const page: Deal[] = [];
    let total = 0;
    for (const deal of world.deals.live()) {
      if (!tests(world.deals.values(deal))) continue;
      if (total >= after && page.length < limit) page.push(deal);
      total++;
    }
    const results = page.map((deal) => dealJson(deal, shown(world, deal, wanted)));
    const paging = after + limit < total ? `,"paging":{"next":{"after":"${after + limit}"}}` : '';
    return ok(`{"total":${total},"results":[${results.join(',')}]${paging}}`);
  },
};

/** One of the groups must hold, in it all filters; no groups: everything. A text says what is wrong. */
function readFilters(groups: unknown): Test | string {
  if (groups === undefined) return () => true;
  if (!Array.isArray(groups)) return 'filterGroups is not a list';
  const any: Test[][] = [];
  for (const group of groups) {
    const filters = isObject(group) && Array.isArray(group.filters) ? group.filters : null;
    if (!filters) return 'a filter group has no filters';
    const all = filters.map(readFilter);
    const wrong = all.find((test) => typeof test === 'string');
    if (typeof wrong === 'string') return wrong;
    any.push(all as Test[]);
  }
  return (values) => any.length === 0 || any.some((all) => all.every((test) => test(values)));
}

function readFilter(filter: unknown): Test | string {
  if (!isObject(filter) || typeof filter.propertyName !== 'string') return 'a filter has no propertyName';
  const name = filter.propertyName;
  switch (filter.operator) {
    case 'EQ':
      return (values) => values[name] === String(filter.value);
    case 'NEQ':
      return (values) => values[name] !== String(filter.value);
    case 'IN': {
      const allowed = new Set(Array.isArray(filter.values) ? filter.values.map(String) : []);
      return (values) => allowed.has(String(values[name]));
    }
    case 'HAS_PROPERTY':
      return (values) => values[name] != null;
    case 'NOT_HAS_PROPERTY':
      return (values) => values[name] == null;
    default:
      return `operator ${String(filter.operator)} is not one that the practice HubSpot knows`;
  }
}
