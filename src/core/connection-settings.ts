/** A connection as its driver wants it: settings that were given by reference are read, as what their field takes. */
import type { HttpConnectionPlan, Json, Reference, WarehouseConnectionPlan } from '../contracts/plan.ts';
import { parseDuration } from './durations.ts';
import { UpriverError } from './errors.ts';
import { referenceIn, type SecretResolver } from './secrets.ts';

/** Reads a text; undefined: it is not of this kind. */
interface Kind {
  wanted: string;
  read: (text: string) => Json | undefined;
}

const TEXT: Kind = { wanted: 'a text', read: (text) => text };
const COUNT: Kind = {
  wanted: 'a whole number from 1, like 20',
  read: (text) => (/^\d{1,15}$/.test(text) && Number(text) > 0 ? Number(text) : undefined),
};
const DURATION: Kind = { wanted: 'a duration, like 30s', read: durationOf };
const SHARE: Kind = {
  wanted: 'a share, like 10%',
  read: (text) => (/^\d{1,2}(\.\d+)?%$/.test(text) ? Number.parseFloat(text) / 100 : undefined),
};
const TRUTH: Kind = { wanted: 'true or false', read: (text) => ({ true: true, false: false })[text] };
const PLACE: Kind = {
  wanted: 'header or query',
  read: (text) => (text === 'header' || text === 'query' ? text : undefined),
};
/** Several in one text, between commas or spaces. */
const LIST: Kind = { wanted: 'a list', read: (text) => text.split(/[\s,]+/).filter((item) => item !== '') };

interface Setting {
  /** As connections.yaml has it, for messages. */
  name: string;
  kind: Kind;
}

/** By their place in the plan. Everything else that is given by reference is a secret, which is read when it is used. */
const HTTP_SETTINGS: Readonly<Record<string, Setting>> = {
  timeoutMs: { name: 'timeout', kind: DURATION },
  maxInFlight: { name: 'max_in_flight', kind: COUNT },
  reserve: { name: 'reserve', kind: SHARE },
  'limits.requests': { name: 'limits[].requests', kind: COUNT },
  'limits.perMs': { name: 'limits[].per', kind: DURATION },
  'limits.paths': { name: 'limits[].paths', kind: LIST },
  'auth.in': { name: 'auth.in', kind: PLACE },
  'auth.name': { name: 'auth.name', kind: TEXT },
  'auth.scopes': { name: 'auth.scopes', kind: LIST },
  'auth.audience': { name: 'auth.audience', kind: TEXT },
};

/** Of a warehouse those that are no texts. */
const WAREHOUSE_KINDS: Readonly<Record<string, Kind>> = {
  create: TRUTH,
  port: COUNT,
  ssl: TRUTH,
  'ssl.verify': TRUTH,
  max_connections: COUNT,
};

/** Throws UpriverError CONFIG_BAD_VALUE, CONFIG_SECRET_MISSING. */
export async function resolveHttp(
  plan: HttpConnectionPlan<Reference>,
  secrets: SecretResolver,
): Promise<HttpConnectionPlan> {
  const settingAt = (path: string): Setting | null => HTTP_SETTINGS[path] ?? null;
  const resolved = await resolve(plan as unknown as Json, '', { connection: plan.name, secrets, settingAt });
  return resolved as unknown as HttpConnectionPlan;
}

/** A warehouse's fields, secrets included. Throws UpriverError CONFIG_BAD_VALUE, CONFIG_SECRET_MISSING. */
export async function resolveWarehouse(
  plan: WarehouseConnectionPlan,
  secrets: SecretResolver,
): Promise<Record<string, unknown>> {
  const settingAt = (path: string): Setting => ({ name: path, kind: WAREHOUSE_KINDS[path] ?? TEXT });
  const resolved = await resolve(plan.config, '', { connection: plan.name, secrets, settingAt });
  return resolved as Record<string, unknown>;
}

interface Resolving {
  connection: string;
  secrets: SecretResolver;
  /** What a reference at a place stands for; null: it stays. */
  settingAt: (path: string) => Setting | null;
}

async function resolve(value: Json, path: string, resolving: Resolving): Promise<Json> {
  // An item of a list may be several.
  if (Array.isArray(value)) return (await Promise.all(value.map((item) => resolve(item, path, resolving)))).flat();
  if (typeof value !== 'object' || value === null) return value;
  const reference = referenceIn(value);
  if (reference) {
    const setting = resolving.settingAt(path);
    return setting ? readSetting(reference, setting, resolving) : value;
  }
  const fields = Object.entries(value).map(async ([key, field]) => {
    const at = path === '' ? key : `${path}.${key}`;
    return [key, await resolve(field, at, resolving)] as const;
  });
  return Object.fromEntries(await Promise.all(fields));
}

async function readSetting(
  reference: Reference,
  { name, kind }: Setting,
  { connection, secrets }: Resolving,
): Promise<Json> {
  const text = await secrets.resolve(reference);
  const value = kind.read(kind === TEXT ? text : text.trim());
  if (value !== undefined) return value;
  const source = 'env' in reference ? `the environment variable ${reference.env}` : `the file ${reference.file}`;
  throw new UpriverError(
    'CONFIG_BAD_VALUE',
    `${name} of connection ${connection}: ${source} does not hold ${kind.wanted}`,
    {
      hint: `Write ${kind.wanted} there, where the worker runs.`,
      context: { connection, field: name },
    },
  );
}

function durationOf(text: string): number | undefined {
  try {
    return parseDuration(text) || undefined;
  } catch {
    return undefined;
  }
}
