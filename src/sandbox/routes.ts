/** Which endpoint a method and path mean. By comparing text, not by patterns: this runs for each request of a benchmark. */
import { batchCreate, batchRead, batchUpdate, batchUpsert } from './batch.ts';
import type { Endpoint } from './call.ts';
import { archiveDeal, createDeal, listDeals, readDeal, updateDeal } from './objects.ts';
import { accountDetails, createProperty, dailyUsage, listProperties, readProperty } from './schema.ts';
import { searchDeals } from './search.ts';

export interface Route {
  endpoint: Endpoint;
  id: string;
}

const DEALS = '/crm/v3/objects/deals';
const DEALS_DATED = '/crm/objects/2026-03/0-3';
const PROPERTIES = '/crm/v3/properties/deals';

/** Other names of the same things: any dated version, the object type by name or number. */
const ALIASES: readonly [RegExp, string][] = [
  [/^\/crm\/(?:v3\/objects|objects\/\d{4}-\d{2})\/(?:deals|0-3)(?=\/|$)/, DEALS],
  [/^\/crm\/(?:v3\/properties|properties\/\d{4}-\d{2})\/(?:deals|0-3)(?=\/|$)/, PROPERTIES],
  [/^\/account-info\/(?:v3|\d{4}-\d{2})(?=\/)/, '/account-info/v3'],
];

const FIXED: Record<string, Endpoint> = {
  [`GET ${DEALS}`]: listDeals,
  [`POST ${DEALS}`]: createDeal,
  [`POST ${DEALS}/search`]: searchDeals,
  [`POST ${DEALS}/batch/update`]: batchUpdate,
  [`POST ${DEALS}/batch/upsert`]: batchUpsert,
  [`POST ${DEALS}/batch/create`]: batchCreate,
  [`POST ${DEALS}/batch/read`]: batchRead,
  [`GET ${PROPERTIES}`]: listProperties,
  [`POST ${PROPERTIES}`]: createProperty,
  'GET /account-info/v3/details': accountDetails,
  'GET /account-info/v3/api-usage/daily/private-apps': dailyUsage,
};

const ONE_DEAL: Record<string, Endpoint> = { PATCH: updateDeal, GET: readDeal, DELETE: archiveDeal };
const ONE_PROPERTY: Record<string, Endpoint> = { GET: readProperty };

/** The endpoint and the id in the path (decoded), or the status to refuse with. */
export function route(method: string, path: string): Route | 404 | 405 {
  const one = oneOf(path, DEALS) ?? oneOf(path, DEALS_DATED);
  if (one !== null) return found(ONE_DEAL[method], one);
  const whole = unalias(path);
  const fixed = FIXED[`${method} ${whole}`];
  if (fixed) return { endpoint: fixed, id: '' };
  const deal = oneOf(whole, DEALS);
  if (deal !== null) return found(ONE_DEAL[method], deal);
  const property = oneOf(whole, PROPERTIES);
  if (property !== null) return found(ONE_PROPERTY[method], property);
  return isKnown(whole) ? 405 : 404;
}

/** The single segment after `root/`, null if the path is another. */
function oneOf(path: string, root: string): string | null {
  if (!path.startsWith(root) || path.charCodeAt(root.length) !== 0x2f) return null;
  const id = path.slice(root.length + 1);
  return id === '' || id.includes('/') || id === 'search' ? null : id;
}

function found(endpoint: Endpoint | undefined, id: string): Route | 404 | 405 {
  if (!endpoint) return 405;
  if (!id.includes('%')) return { endpoint, id };
  try {
    return { endpoint, id: decodeURIComponent(id) };
  } catch {
    return 404;
  }
}

function unalias(path: string): string {
  for (const [pattern, name] of ALIASES) if (pattern.test(path)) return path.replace(pattern, name);
  return path;
}

function isKnown(path: string): boolean {
  return Object.keys(FIXED).some((each) => each.endsWith(` ${path}`));
}
