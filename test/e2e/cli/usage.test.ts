/** Usage, bad files and what needs nothing running: exit code 2, every error at once, one JSON document where asked for. */
import { readdir } from 'node:fs/promises';
import { jest } from '@jest/globals';
import { dealsProject, makeProject } from './helpers.ts';

/** Each starts several processes, and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const FINE = dealsProject('http://127.0.0.1:9', { rows: 3 });
const BROKEN = {
  ...FINE,
  'rivers/deals.yaml': `name: deals
steps:
  - id: one
    type: sql
    conection: warehouse
    query: select 1
  - id: one
    type: action
    action: deal-updat
    inputs: { deal_id: 1, amount: 2 }
`,
};

interface ErrorsDocument {
  errors: {
    code: string;
    message: string;
    hint: string | null;
    file: string | null;
    line: number | null;
    column: number | null;
  }[];
}

test('an unknown command is a usage error that says so', async () => {
  await using project = await makeProject({});
  const ended = await project.upriver('vaildate');
  expect(ended.code).toBe(2);
  expect(ended.stdout).toBe('');
  expect(ended.stderr).toMatch(/^USAGE {2}unknown command 'vaildate'\n.*validate/);
});

test('with --json a usage error is one document on stdout', async () => {
  await using project = await makeProject({});
  const ended = await project.upriver('run', '--json');
  expect(ended.code).toBe(2);
  const { errors } = JSON.parse(ended.stdout) as ErrorsDocument;
  expect(errors).toEqual([
    expect.objectContaining({ code: 'USAGE', message: expect.stringContaining('river'), file: null }),
  ]);
  expect(ended.stderr).toBe('');
});

test('no command at all shows how to use it', async () => {
  await using project = await makeProject({});
  const ended = await project.upriver();
  expect(ended.code).toBe(2);
  expect(ended.stdout + ended.stderr).toContain('Usage: upriver');
});

test('--version prints the version', async () => {
  await using project = await makeProject({});
  expect(await project.upriver('--version')).toEqual({
    code: 0,
    stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    stderr: '',
  });
});

test('validate: fine files', async () => {
  await using project = await makeProject(FINE);
  expect(await project.upriver('validate')).toMatchObject({
    code: 0,
    stdout: 'Fine: 1 river, 1 action, 2 connections.\n',
    stderr: '',
  });
  const json = await project.upriver('validate', '--json');
  expect(json.code).toBe(0);
  expect(JSON.parse(json.stdout)).toEqual({ valid: true, errors: [] });
});

test('validate: all errors at once, each with its place, code and hint', async () => {
  await using project = await makeProject(BROKEN);
  const human = await project.upriver('validate');
  expect(human.code).toBe(2);
  expect(human.stdout).toBe('');
  expect(human.stderr).toMatch(/rivers\/deals\.yaml:5:5 {2}[A-Z_]+ {2}.*conection.*\n {2}→ .*connection/);
  expect(human.stderr).toMatch(/rivers\/deals\.yaml:9:\d+ {2}[A-Z_]+ {2}.*deal-updat.*\n {2}→ .*deal-update/);
  const json = await project.upriver('validate', '--json');
  expect(json.code).toBe(2);
  const { valid, errors } = JSON.parse(json.stdout) as ErrorsDocument & { valid: boolean };
  expect(valid).toBe(false);
  expect(errors.length).toBeGreaterThanOrEqual(3);
  for (const error of errors) {
    expect(error).toEqual({
      code: expect.stringMatching(/^[A-Z_]+$/),
      message: expect.any(String),
      hint: expect.any(String),
      file: 'rivers/deals.yaml',
      line: expect.any(Number),
      column: expect.any(Number),
    });
  }
});

test('run: bad files end it before anything starts', async () => {
  await using project = await makeProject(BROKEN);
  const ended = await project.upriver('run', 'deals', '--json');
  expect(ended.code).toBe(2);
  expect((JSON.parse(ended.stdout) as ErrorsDocument).errors.length).toBeGreaterThanOrEqual(3);
  expect(ended.stderr).toBe('');
});

test.each([
  [['run', 'dealz'], 'deals'],
  [['run', 'deals', '--input', 'add=many'], 'whole number'],
  [['run', 'deals', '--input', 'adt=1'], 'add'],
  [['run', 'deals', '--input', 'add'], 'name=value'],
  [['show', 'nothing-there'], 'upriver run'],
  [['rows', 'last'], 'upriver run'],
  [['rows', 'last', '--outcome', 'rejectd'], 'rejected'],
  [['cancel', 'nothing-there'], 'upriver run'],
  [['retry', 'last'], 'upriver run'],
  [['connections', 'test', 'hubspto'], 'hubspot'],
  [['worker'], 'upriver dev'],
  [['runs', 'dealz'], 'deals'],
  [['--project', '.', 'run', 'dealz'], 'deals'],
  [['connections', '--project', '.', 'test', 'hubspto'], 'hubspot'],
  [['sandbox', 'hubspot', '--port', '99999'], '65535'],
  [['sandbox', 'hubspot', '--faults', 'reset_befor=1%'], 'reset_before'],
])('%j is refused with exit code 2 and a hint', async (args, hint) => {
  await using project = await makeProject(FINE);
  const ended = await project.upriver(...args);
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
  expect(ended.stderr).toContain(hint);
});

test('Temporal out of reach: exit code 5', async () => {
  await using project = await makeProject({ ...FINE, 'upriver.yaml': 'temporal: { address: "127.0.0.1:1" }\n' });
  const ended = await project.upriver('run', 'deals', '--json');
  expect(ended.code).toBe(5);
  expect((JSON.parse(ended.stdout) as ErrorsDocument).errors[0]).toMatchObject({ code: 'CONFIG_TEMPORAL_UNREACHABLE' });
});

test('state out of reach: exit code 5', async () => {
  await using project = await makeProject({ ...FINE, 'upriver.yaml': 'state: { url: { env: STATE_URL } }\n' });
  project.env['STATE_URL'] = 'postgres://nobody@127.0.0.1:1/none';
  const ended = await project.upriver('runs', '--json');
  expect(ended.code).toBe(5);
  expect((JSON.parse(ended.stdout) as ErrorsDocument).errors[0]?.code).toMatch(/^STATE_/);
});

test('a state folder that cannot be used is said to be so', async () => {
  await using project = await makeProject({ ...FINE, '.upriver': 'a file, not a folder' });
  const ended = await project.upriver('run', 'deals');
  expect(ended.code).toBe(5);
  expect(ended.stderr).toMatch(/^CONFIG_STATE_DIR .*\.upriver.*\n {2}→ /);
});

test('runs: none yet', async () => {
  await using project = await makeProject(FINE);
  expect(await project.upriver('runs', '--json')).toMatchObject({
    code: 0,
    stdout: '{\n  "runs": []\n}\n',
    stderr: '',
  });
  expect((await project.upriver('runs')).stdout).toContain('upriver run RIVER');
});

test('init writes a project that is valid, and overwrites nothing', async () => {
  await using project = await makeProject({ 'first/readme.txt': 'mine' });
  const written = await project.upriver('init', 'first');
  expect(written).toMatchObject({ code: 0, stderr: '' });
  expect(written.stdout).toContain('upriver run');
  expect((await project.upriver('validate', '--project', 'first')).code).toBe(0);
  const again = await project.upriver('init', 'first');
  expect(again.code).toBe(2);
  expect(again.stderr).toContain('connections.yaml');
});

test('doctor names what is missing and how to mend it', async () => {
  await using project = await makeProject(FINE);
  const without = await project.upriver('doctor', '--json');
  expect(without.code).toBe(2);
  const { ok, findings } = JSON.parse(without.stdout) as {
    ok: boolean;
    findings: { subject: string; state: string; detail: string; mend: string | null }[];
  };
  expect(ok).toBe(false);
  expect(findings.find((finding) => finding.subject === 'secrets')).toMatchObject({
    state: 'fail',
    detail: expect.stringContaining('HUBSPOT_TOKEN'),
  });
  project.env['HUBSPOT_TOKEN'] = 'practice';
  const withSecret = await project.upriver('doctor');
  expect(withSecret.code).toBe(0);
  expect(withSecret.stdout).toMatch(/ok {4}state store +\S/);
  await project.write({ 'upriver.yaml': 'temporal: { address: "127.0.0.1:1" }\n' });
  const away = await project.upriver('doctor');
  expect(away.code).toBe(5);
  expect(away.stdout).toMatch(/fail {2}Temporal +CONFIG_TEMPORAL_UNREACHABLE/);
});

test('doctor outside a project looks at the machine, and leaves the folder as it is', async () => {
  await using project = await makeProject({});
  const ended = await project.upriver('doctor');
  expect(ended).toMatchObject({ code: 0, stderr: '' });
  expect(ended.stdout).toMatch(/warn {2}project files +there is no river here.*\n +→ .*upriver init/);
  expect(ended.stdout).toMatch(/(ok {2}|warn) {2}Temporal/);
  expect(await readdir(project.dir)).toEqual([]);
});

test('runs of a river whose file is not valid: its errors, as of any command that needs it', async () => {
  await using project = await makeProject(BROKEN);
  const ended = await project.upriver('runs', 'dealz');
  expect({ code: ended.code, stdout: ended.stdout }).toEqual({ code: 2, stdout: '' });
  expect(ended.stderr).toContain('rivers/deals.yaml:5:5');
  expect((await project.upriver('runs')).code).toBe(0);
});
