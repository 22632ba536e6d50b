/** Projects made of texts, for tests of the language. */
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { loadProject, type Project } from '../../../src/language/index.ts';

export type Files = Readonly<Record<string, string>>;

/** A project without mistakes, into which a test puts one. */
export const GOOD: Files = {
  'connections.yaml': `warehouse: { type: duckdb, path: w.duckdb }
api: { type: http, base_url: 'http://localhost:1' }
hubspot: { type: hubspot, auth: { type: bearer, token: { env: TOKEN } } }
`,
  'actions/send.yaml': `name: send
connection: api
inputs: { id: {}, note: { default: none } }
request: { method: PATCH, path: '/things/{id}', body: { note: '{note}' } }
response: { outputs: { done: body.done } }
`,
  'actions/send-batch.yaml': `name: send-batch
connection: api
inputs: [id]
batch: { rows: 10 }
request: { method: PUT, path: /things, body: [{ $each: { id: '{id}' } }] }
`,
  'rivers/other.yaml': `name: other
inputs: { day: {}, limit: { type: integer, default: 5 } }
variables: { total: {} }
steps:
  - { id: one, type: sql, connection: warehouse, query: select 1, target: { variable: total } }
`,
};

/** A river around some steps, which begin on line 8. */
export function riverWith(steps: string): string {
  return `name: test-river
inputs:
  day: { type: string, default: '2020-01-01' }
variables:
  deals: { multiple: true }
  total: {}
steps:
${steps}`;
}

export async function load(files: Files): Promise<Project> {
  const dir = mkdtempSync(join(tmpdir(), 'upriver-'));
  try {
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(dir, name)), { recursive: true });
      writeFileSync(join(dir, name), text);
    }
    return await loadProject(dir);
  } finally {
    rmSync(dir, { recursive: true });
  }
}

/** `file:line:col CODE` of each mistake, in order. */
export function mistakes(project: Project): string[] {
  return project.errors.map(({ position: at, code }) => `${at ? `${at.file}:${at.line}:${at.column} ` : ''}${code}`);
}
