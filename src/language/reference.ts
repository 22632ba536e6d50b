/** What is generated from the schemas: JSON Schemas for editors, and the reference of keys. */
import * as z from 'zod';
import { ActionFile } from './schema/action.ts';
import { ConnectionsFile } from './schema/connections.ts';
import { RiverFile } from './schema/river.ts';
import { Step } from './schema/steps.ts';
import { UpriverFile } from './schema/upriver.ts';

type JsonSchema = z.core.JSONSchema.BaseSchema;

const FILES = { upriver: UpriverFile, connections: ConnectionsFile, river: RiverFile, action: ActionFile } as const;

/** Path in the repository → content. */
export function generatedFiles(): Record<string, string> {
  const schemas = Object.entries(FILES).map(([name, schema]) => [name, jsonSchema(name, schema)] as const);
  return {
    ...Object.fromEntries(
      schemas.map(([name, schema]) => [`schemas/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`]),
    ),
    'docs/language-reference.md': referencePage(Object.fromEntries(schemas)),
  };
}

function jsonSchema(name: string, schema: z.ZodType): JsonSchema {
  const converted = { title: `upriver: ${name}`, ...convert(schema) };
  if (name !== 'river') return converted;
  const { $schema: _, ...step } = convert(Step);
  return { ...converted, $defs: { step } };
}

/** Lists of steps are parsed one by one, so their schema says only that they are lists. */
function convert(schema: z.ZodType): JsonSchema {
  return z.toJSONSchema(schema, {
    io: 'input',
    unrepresentable: 'any',
    override: ({ jsonSchema: converted }) => {
      if (!converted.steps) return;
      delete converted.steps;
      converted.items = { $ref: '#/$defs/step' };
    },
  });
}

const INTRO = `# Reference of keys

<!-- Generated from src/language/schema by \`npm run generate\`. Do not edit. -->

What the keys mean together is in [language.md](language.md). Editors complete and check the files with the schemas in
\`schemas/\`: put \`# yaml-language-server: $schema=…/schemas/river.schema.json\` on a file's first line.
`;

function referencePage(schemas: Record<string, JsonSchema>): string {
  const sections = Object.entries(schemas).flatMap(([name, schema]) => fileSections(name, schema));
  return `${[INTRO, ...sections].join('\n')}`;
}

const TITLES: Readonly<Record<string, string>> = {
  upriver: 'upriver.yaml',
  connections: 'connections.yaml',
  river: 'rivers/*.yaml',
  action: 'actions/*.yaml',
};

function fileSections(name: string, schema: JsonSchema): string[] {
  const root = name === 'connections' ? (schema.additionalProperties as JsonSchema) : schema;
  const sections = [`## ${TITLES[name]}\n\n${schema.description}\n`, ...variants(root)];
  const step = schema.$defs?.step as JsonSchema | undefined;
  return step ? [...sections, '## Steps\n', ...variants(step)] : sections;
}

/** One table of keys, or one for each `type` after one of what they have in common. */
function variants(schema: JsonSchema): string[] {
  const alternatives = alternativesOf(schema);
  if (alternatives.length === 0) return [keyTable(schema)];
  const common = commonKeys(alternatives);
  const shared = { ...alternatives[0], properties: pick(alternatives[0], (key) => common.has(key)) };
  const tables = alternatives.map((alternative) => {
    const own = { ...alternative, properties: pick(alternative, (key) => !common.has(key)) };
    return `### type: ${typeOf(alternative)}\n\n${alternative.description ?? ''}\n\n${keyTable(own)}`;
  });
  return common.size > 0 ? [`### Every type\n\n${keyTable(shared)}`, ...tables] : tables;
}

function alternativesOf(schema: JsonSchema): JsonSchema[] {
  return (schema.oneOf ?? schema.anyOf ?? []) as JsonSchema[];
}

function typeOf(schema: JsonSchema): unknown {
  return (schema.properties?.type as JsonSchema | undefined)?.const;
}

function commonKeys(alternatives: readonly JsonSchema[]): Set<string> {
  const [first, ...others] = alternatives.map(({ properties = {} }) => properties);
  const keys = Object.keys(first ?? {});
  const same = (key: string): boolean =>
    others.every((properties) => JSON.stringify(properties[key]) === JSON.stringify(first?.[key]));
  return new Set(keys.filter(same));
}

function pick(schema: JsonSchema | undefined, wanted: (key: string) => boolean): JsonSchema['properties'] {
  return Object.fromEntries(Object.entries(schema?.properties ?? {}).filter(([key]) => wanted(key)));
}

function keyTable(schema: JsonSchema): string {
  const rows = rowsOf(schema, '').map(({ key, kind, note }) => `| \`${key}\` | ${kind} | ${note} |`);
  return ['| Key | Value | |', '| --- | --- | --- |', ...rows, ''].join('\n');
}

interface KeyRow {
  key: string;
  kind: string;
  note: string;
}

function rowsOf(schema: JsonSchema, prefix: string): KeyRow[] {
  const required = new Set(schema.required ?? []);
  return Object.entries(schema.properties ?? {}).flatMap(([name, property]) => {
    const child = property as JsonSchema;
    if (name === 'type' && child.const !== undefined) return [];
    const notes = [child.description, required.has(name) ? 'Required' : null, defaultNote(child)].filter(Boolean);
    const row = { key: prefix + name, kind: kindOf(child), note: notes.join('. ').replaceAll('|', '\\|') };
    return [row, ...innerRows(child, `${prefix}${name}.`)];
  });
}

/** Keys of a mapping within; for a list of mappings those of an item. */
function innerRows(schema: JsonSchema, prefix: string): KeyRow[] {
  const typed = alternativesOf(schema).filter((alternative) => typeOf(alternative) !== undefined);
  if (typed.length > 0) return typed.flatMap((each) => rowsOf(each, `${prefix.slice(0, -1)}(${typeOf(each)}).`));
  if (schema.properties) return isReference(schema) ? [] : rowsOf(schema, prefix);
  const items = schema.items as JsonSchema | undefined;
  if (items?.properties) return rowsOf(items, `${prefix.slice(0, -1)}[].`);
  const values = schema.additionalProperties as JsonSchema | undefined;
  const mapping = [values, ...((values?.anyOf ?? []) as JsonSchema[])].find((each) => each?.properties);
  return mapping && !isReference(mapping) ? rowsOf(mapping, `${prefix}<name>.`) : [];
}

function isReference(schema: JsonSchema): boolean {
  const keys = Object.keys(schema.properties ?? {});
  return keys.length === 1 && (keys[0] === 'env' || keys[0] === 'file');
}

function defaultNote(schema: JsonSchema): string | null {
  const { default: value } = schema;
  if (value === undefined || (typeof value === 'object' && value !== null && Object.keys(value).length === 0))
    return null;
  return `Default: \`${typeof value === 'string' ? value : JSON.stringify(value)}\``;
}

function kindOf(schema: JsonSchema): string {
  if (schema.$ref?.includes('step')) return 'step';
  if (schema.enum) return schema.enum.map((value) => `\`${value}\``).join(', ');
  if (schema.const !== undefined) return `\`${schema.const}\``;
  const alternatives = alternativesOf(schema);
  if (alternatives.length > 0) return [...new Set(alternatives.map(kindOf))].join(' or ');
  if (schema.type === 'array') return `list of ${kindOf(itemsOf(schema))}`;
  if (isReference(schema)) return `\`{ ${Object.keys(schema.properties ?? {})[0]} }\``;
  if (Array.isArray(schema.type)) return schema.type.map((type) => KINDS[type] ?? type).join(' or ');
  return KINDS[schema.type ?? ''] ?? 'any value';
}

/** References stand in for items of any list: it is enough to say so once. */
function itemsOf(schema: JsonSchema): JsonSchema {
  const items = (schema.items ?? {}) as JsonSchema;
  return alternativesOf(items)[0] ?? items;
}

const KINDS: Readonly<Record<string, string>> = {
  string: 'text',
  number: 'number',
  integer: 'whole number',
  object: 'mapping',
  boolean: '`true` or `false`',
  null: 'nothing',
};
