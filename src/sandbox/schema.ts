/** The endpoints about the account: deal properties, its details, its use of the daily limit. */
import { type Call, type Endpoint, isObject } from './call.ts';
import { isoTime } from './deals.ts';
import type { PropertyDefinition } from './properties.ts';
import { missing } from './objects.ts';
import { invalid, ok, PORTAL_ID, READ_SCOPE, refuse, WRITE_SCOPE } from './replies.ts';

const READ_SCHEMA = 'crm.schemas.deals.read';
const WRITE_SCHEMA = 'crm.schemas.deals.write';
const TYPES: readonly string[] = ['string', 'number', 'bool', 'date', 'datetime', 'enumeration'];

/** Everything that a token may be granted here. */
export const ALL_SCOPES: readonly string[] = [READ_SCOPE, WRITE_SCOPE, READ_SCHEMA, WRITE_SCHEMA];

export const listProperties: Endpoint = {
  scope: READ_SCHEMA,
  run: (_call, world) => ok(JSON.stringify({ results: Array.from(world.properties.all(), propertyJson) })),
};

export const readProperty: Endpoint = {
  scope: READ_SCHEMA,
  run(call, world) {
    const property = world.properties.get(call.id);
    if (property) return ok(JSON.stringify(propertyJson(property)));
    return refuse(call, 404, { message: `Property "${call.id}" does not exist`, category: 'OBJECT_NOT_FOUND' });
  },
};

export const createProperty: Endpoint = {
  scope: WRITE_SCHEMA,
  body: true,
  run(call, world) {
    const property = readDefinition(call);
    if (typeof property === 'string') return invalid(call, property);
    if (world.properties.get(property.name)) {
      const message = `A property named '${property.name}' already exists.`;
      return refuse(call, 409, { message, category: 'OBJECT_ALREADY_EXISTS' });
    }
    world.properties.add(property);
    return { ...ok(JSON.stringify(propertyJson(property))), status: 201 };
  },
};

export const accountDetails: Endpoint = {
  scope: READ_SCOPE,
  run: () => ok(JSON.stringify({ portalId: PORTAL_ID, accountType: 'STANDARD', timeZone: 'UTC', utcOffset: '+00:00' })),
};

export const dailyUsage: Endpoint = {
  scope: READ_SCOPE,
  run(call, world) {
    const usage = {
      name: 'private-apps-api-calls-daily',
      usageLimit: world.settings.limits?.daily ?? null,
      currentUsage: world.limits.report().acceptedToday,
      collectedAt: isoTime(call.at),
      fetchStatus: 'SUCCESS',
      resetsAt: `${isoTime(call.at + 86_400_000).slice(0, 10)}T00:00:00Z`,
    };
    return ok(JSON.stringify({ results: [usage] }));
  },
};

function propertyJson(property: PropertyDefinition): Record<string, unknown> {
  const readOnlyValue = property.readOnly ?? false;
  return {
    label: property.name,
    description: '',
    groupName: 'dealinformation',
    fieldType: 'text',
    options: [],
    hasUniqueValue: false,
    ...property,
    readOnly: undefined,
    hidden: false,
    archived: false,
    modificationMetadata: { archivable: true, readOnlyDefinition: false, readOnlyValue },
  };
}

/** A property to make, or what is wrong with it. */
function readDefinition(call: Call): PropertyDefinition | string {
  const { body } = call;
  if (!isObject(body)) return missing('name, label, type, fieldType, groupName');
  for (const name of ['name', 'label', 'type', 'fieldType', 'groupName']) {
    if (typeof body[name] !== 'string') return missing(name);
  }
  const { name, type } = body as { name: string; type: string };
  if (!/^[a-z][a-z0-9_]*$/.test(name)) return `Property name '${name}' may only hold a-z, 0-9 and _`;
  if (!TYPES.includes(type)) return `'${type}' is not a property type: ${TYPES.join(', ')}`;
  const { label, fieldType, groupName } = body as { label: string; fieldType: string; groupName: string };
  const options = Array.isArray(body.options) ? body.options.filter(isOption) : [];
  const hasUniqueValue = body.hasUniqueValue === true;
  return { name, type: type as PropertyDefinition['type'], label, fieldType, groupName, options, hasUniqueValue };
}

function isOption(value: unknown): value is { label: string; value: string } {
  return isObject(value) && typeof value.label === 'string' && typeof value.value === 'string';
}
