/** Deal properties: what exists, what may be written, and what HubSpot says of a value that may not. */

interface PropertyOption {
  label: string;
  value: string;
}

export interface PropertyDefinition {
  name: string;
  type: 'string' | 'number' | 'bool' | 'date' | 'datetime' | 'enumeration';
  label?: string;
  description?: string;
  groupName?: string;
  fieldType?: string;
  options?: PropertyOption[];
  hasUniqueValue?: boolean;
  readOnly?: boolean;
  /** Comes with every account, is not the user's own. */
  hubspotDefined?: boolean;
}

/** Stored values: text, or null where cleared. */
export type Values = Record<string, string | null>;

/** One thing wrong with one value, in HubSpot's words. */
export interface Problem {
  name: string;
  code: string;
  message: string;
}

const option = (value: string): PropertyOption => ({ label: value, value });

const BUILT_IN: PropertyDefinition[] = [
  { name: 'dealname', type: 'string', label: 'Deal Name' },
  { name: 'amount', type: 'number', label: 'Amount' },
  { name: 'closedate', type: 'datetime', label: 'Close Date' },
  { name: 'description', type: 'string', label: 'Deal Description' },
  { name: 'hubspot_owner_id', type: 'string', label: 'Deal owner' },
  { name: 'pipeline', type: 'enumeration', label: 'Pipeline', options: [option('default')] },
  {
    name: 'dealstage',
    type: 'enumeration',
    label: 'Deal Stage',
    options: [
      'appointmentscheduled',
      'qualifiedtobuy',
      'presentationscheduled',
      'decisionmakerboughtin',
      'contractsent',
      'closedwon',
      'closedlost',
    ].map(option),
  },
  {
    name: 'dealtype',
    type: 'enumeration',
    label: 'Deal Type',
    options: ['newbusiness', 'existingbusiness'].map(option),
  },
  { name: 'createdate', type: 'datetime', label: 'Create Date' },
  { name: 'hs_object_id', type: 'number', label: 'Record ID', readOnly: true },
  { name: 'hs_createdate', type: 'datetime', label: 'Object create date/time', readOnly: true },
  { name: 'hs_lastmodifieddate', type: 'datetime', label: 'Last Modified Date', readOnly: true },
  { name: 'num_associated_contacts', type: 'number', label: 'Number of Associated Contacts', readOnly: true },
];

/** The practice account's own properties: those that the walkthrough fills. */
const WALKTHROUGH: PropertyDefinition[] = ['rivery_num_of_rivers', 'rivery_executions', 'rivery_data_sources'].map(
  (name) => ({ name, type: 'number' }),
);

export class PropertyStore {
  readonly #byName = new Map<string, PropertyDefinition>();
  readonly #unique: string[] = [];

  constructor(own: readonly PropertyDefinition[] = []) {
    for (const property of BUILT_IN) this.add({ ...property, hubspotDefined: true });
    for (const property of [...WALKTHROUGH, ...own]) this.add(property);
  }

  get(name: string): PropertyDefinition | undefined {
    return this.#byName.get(name);
  }

  all(): Iterable<PropertyDefinition> {
    return this.#byName.values();
  }

  /** Names of the properties no two deals may share a value of. */
  get unique(): readonly string[] {
    return this.#unique;
  }

  add(property: PropertyDefinition): void {
    this.#byName.set(property.name, property);
    if (property.hasUniqueValue) this.#unique.push(property.name);
  }

  /** Values as HubSpot would store them, or everything that is wrong with them. */
  check(given: Record<string, unknown>): { values: Values; problems: Problem[] } {
    const values: Values = {};
    const problems: Problem[] = [];
    for (const name of Object.keys(given)) {
      const property = this.#byName.get(name);
      const text = asText(given[name]);
      const problem = property
        ? valueProblem(property, text)
        : { code: 'PROPERTY_DOESNT_EXIST', message: `Property "${name}" does not exist` };
      if (problem) problems.push({ name, ...problem });
      else values[name] = text;
    }
    return { values, problems };
  }
}

/** HubSpot's API description wants text; numbers and booleans are taken as well. The empty text clears. */
function asText(value: unknown): string | null {
  if (typeof value === 'string') return value === '' ? null : value;
  return value === null || value === undefined ? null : String(value);
}

function valueProblem(property: PropertyDefinition, text: string | null): Omit<Problem, 'name'> | null {
  if (property.readOnly) {
    const message = `"${property.name}" is a read only property; its value cannot be set.`;
    return { code: 'READ_ONLY_VALUE', message };
  }
  if (text === null || property.type === 'string') return null;
  switch (property.type) {
    case 'number':
      if (isNumber(text)) return null;
      return { code: 'INVALID_NUMBER', message: `${text} was not a valid number.` };
    case 'bool':
      if (text === 'true' || text === 'false') return null;
      return { code: 'INVALID_BOOLEAN', message: `${text} was not a valid boolean.` };
    case 'date':
    case 'datetime':
      if (isNumber(text) || !Number.isNaN(Date.parse(text))) return null;
      return { code: 'INVALID_DATE', message: `${text} was not a valid date.` };
    case 'enumeration': {
      const options = property.options ?? [];
      if (options.length === 0 || options.some((each) => each.value === text)) return null;
      const allowed = options.map((each) => each.label).join(', ');
      return { code: 'INVALID_OPTION', message: `${text} was not one of the allowed options: [${allowed}]` };
    }
  }
}

function isNumber(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}
