import { join } from 'node:path';
import type { LoopStep, StepPlan } from '../../../src/contracts/plan.ts';
import { loadProject, planFor, type Project } from '../../../src/language/index.ts';
import { GOOD, load, mistakes, riverWith } from './project-of.ts';

const PROJECTS = join(import.meta.dirname, '../../fixtures/projects');

describe('the walkthrough', () => {
  const project = loadProject(join(PROJECTS, 'walkthrough'));

  test('loads without mistakes, its SQL untouched', async () => {
    const { errors, rivers } = await project;
    expect(errors).toEqual([]);
    const [usage] = rivers.get('trial-deals')!.steps;
    expect(usage).toMatchObject({ type: 'sql', connection: 'warehouse', script: false });
    expect(usage).toHaveProperty('sql', [
      expect.stringMatching(/^select deals\.deal_id,[\s\S]*where deals\.isdeleted = FALSE;\n$/),
    ]);
  });

  test('its loop streams, with the defaults of the language', async () => {
    const loop = (await project).rivers.get('trial-deals')!.steps.at(-1);
    expect(loop).toMatchObject({
      over: 'deal_properties',
      iterators: [
        { name: 'deal_id', position: 0 },
        { name: 'properties', position: 1 },
      ],
      key: ['deal_id'],
      send: 'changed',
      maxInFlight: 20,
      tolerate: { rows: 0 },
      stopAfter: null,
      results: null,
      mode: 'stream',
    });
  });

  test('HubSpot is http with its limits and rules preset', async () => {
    const hubspot = (await project).connections.get('hubspot');
    expect(hubspot).toMatchObject({
      type: 'http',
      baseUrl: 'https://api.hubapi.com',
      auth: { type: 'bearer', token: { env: 'HUBSPOT_TOKEN' } },
      maxInFlight: 20,
      timeoutMs: 30_000,
      reserve: 0,
    });
    expect(hubspot).toHaveProperty('limits.0', { requests: 190, perMs: 10_000, paths: null });
    expect(hubspot).toHaveProperty('limits.1', { requests: 625_000, perMs: 86_400_000, paths: null });
    expect(hubspot).toHaveProperty('rules.0', expect.objectContaining({ when: 'status == 423', forMs: 2_000 }));
  });

  test('without upriver.yaml everything is embedded', async () => {
    const { settings } = await project;
    expect(settings.temporal).toEqual({
      address: null,
      namespace: 'default',
      taskQueue: 'upriver',
      tls: null,
      apiKey: null,
    });
    expect(settings).toMatchObject({ state: { url: null }, retentionMs: 604_800_000 });
  });
});

describe('a project with everything in it', () => {
  const loaded = loadProject(join(PROJECTS, 'everything'));
  const stepsOf = async (): Promise<Map<string, StepPlan>> => {
    const steps = new Map<string, StepPlan>();
    const walk = (list: readonly StepPlan[]): void => {
      for (const step of list) {
        steps.set(step.id, step);
        walk(
          step.type === 'condition'
            ? step.branches.flatMap((branch) => branch.steps)
            : 'steps' in step
              ? step.steps
              : [],
        );
      }
    };
    walk((await loaded).rivers.get('main')!.steps);
    return steps;
  };

  test('has no mistakes', async () => {
    expect((await loaded).errors).toEqual([]);
  });

  test('settings', async () => {
    expect((await loaded).settings).toEqual({
      temporal: {
        address: 'localhost:7233',
        namespace: 'sales',
        taskQueue: 'up',
        tls: { serverName: 'temporal.local', ca: { file: 'ca.pem' }, cert: null, key: null },
        apiKey: { env: 'TEMPORAL_API_KEY' },
      },
      state: { url: { env: 'UPRIVER_STATE_URL' } },
      retentionMs: 30 * 86_400_000,
    });
  });

  test('connections: references unresolved, warehouses as written', async () => {
    const { connections } = await loaded;
    expect(connections.get('snow')).toMatchObject({
      type: 'snowflake',
      config: { account: 'acme-eu1', private_key: { file: '/run/secrets/sf.p8' } },
    });
    expect(connections.get('api')).toEqual({
      name: 'api',
      type: 'http',
      baseUrl: 'https://api.example.com/v1',
      auth: { type: 'basic', username: { env: 'API_USER' }, password: { file: 'secrets/password' } },
      headers: { 'X-Client': 'upriver', 'X-Tenant': { env: 'TENANT' } },
      limits: [
        { requests: 10, perMs: 1_000, paths: null },
        { requests: 2, perMs: 500, paths: ['/search/*'] },
      ],
      reserve: 0.1,
      maxInFlight: 7,
      timeoutMs: 5_000,
      rules: [],
    });
    expect(connections.get('oauth')).toHaveProperty('auth', {
      type: 'oauth2_client_credentials',
      tokenUrl: 'https://id.example.com/token',
      clientId: 'me',
      clientSecret: { env: 'SECRET' },
      scopes: ['a', 'b'],
      audience: null,
    });
  });

  test('SQL: values bound, names quoted, escapes undone', async () => {
    expect((await stepsOf()).get('load')).toMatchObject({
      sql: [
        'select * from ',
        { identifier: ['table'] },
        ' where day = ',
        { bind: ['day'] },
        ' and seen > ',
        { bind: ['last_seen'] },
        ' and n > ',
        { bind: ['least'] },
        ' -- {literal}',
      ],
      target: { kind: 'table', table: 'db.s.t', mode: 'merge', key: ['id'] },
      retry: { attempts: 3, initialMs: 1_000, maxMs: 60_000 },
      timeoutMs: 600_000,
      onError: 'continue',
    });
  });

  test('loops, conditions, rivers, scripts', async () => {
    const steps = await stepsOf();
    expect(steps.get('each')).toMatchObject({
      iterators: [
        { name: 'deal_id', column: 'DEAL_ID' },
        { name: 'properties', column: 'PROPERTIES' },
      ],
      tolerate: { percent: 2 },
      stopAfter: { rows: 100 },
      mode: 'stream',
    } satisfies Partial<LoopStep>);
    expect(steps.get('gate')).toMatchObject({
      branches: [
        { if: 'rows(deals) == 0', then: 'stop', message: null, steps: [] },
        { then: 'fail', message: 'too many: {n}' },
        { if: null, then: 'steps' },
      ],
    });
    expect(steps.get('clean')).toMatchObject({ script: true, target: null });
    expect(steps.get('rows')).toMatchObject({ target: { kind: 'variable', variable: 'deals', multiple: true } });
    expect(steps.get('count')).toMatchObject({ target: { kind: 'variable', variable: 'n', multiple: false } });
    expect(steps.get('child')).toMatchObject({ type: 'river', river: 'child', outputs: { loaded: 'n' }, wait: true });
    expect(steps.get('note')).toMatchObject({ enabled: false });
  });

  test('actions: idempotent by method, or as said; inputs with defaults', async () => {
    const { actions } = await loaded;
    const two = actions.get('two-calls')!;
    expect(two.requests.map(({ id, method, idempotent }) => [id, method, idempotent])).toEqual([
      ['token', 'POST', false],
      ['call', 'GET', true],
    ]);
    expect(two.inputs).toEqual({
      id: { required: true, default: null },
      note: { required: true, default: null },
      mode: { required: false, default: 'strict' },
    });
    expect(two.outputs).toEqual(['ok']);
    expect(two.retry).toEqual({ attempts: 2, initialMs: 100, maxMs: 1_000 });
    expect(actions.get('note')!.requests[0]).toMatchObject({
      idempotent: true,
      body: { kind: 'text', text: '{text}', contentType: 'text/plain' },
    });
    expect(actions.get('hubspot-batch')).toMatchObject({
      batch: { rows: 100, bytes: 3_000_000 },
      retry: { attempts: 5, initialMs: 1_000, maxMs: 60_000 },
    });
  });

  test('schedules carry values for all inputs, exact numbers exact', async () => {
    const [schedule, ...others] = (await loaded).schedules;
    expect(others).toEqual([]);
    expect(JSON.parse(JSON.stringify(schedule))).toEqual({
      river: 'main',
      cron: '0 6 * * mon-fri',
      timezone: 'Europe/Berlin',
      inputs: { account_type: 'trial', day: '2020-01-01', least: { $exact: '12345678901234567890' }, table: 'T' },
      jitterMs: 120_000,
      catchupMs: 3_600_000,
      overlap: 'skip',
      pauseOnFailure: true,
    });
  });

  test('a plan holds what the river reaches and nothing else', async () => {
    const project = await loaded;
    const keys = (name: string): string[][] => {
      const { rivers, actions, connections } = planFor(project, name);
      return [rivers, actions, connections].map((each) => Object.keys(each).sort());
    };
    expect(keys('child')).toEqual([['child'], [], ['warehouse']]);
    expect(keys('main')).toEqual([
      ['child', 'main'],
      ['hubspot-batch', 'note', 'two-calls'],
      ['api', 'hubspot', 'keyed', 'pg', 'warehouse'],
    ]);
  });

  test('a plan is plain JSON', async () => {
    const plan = planFor(await loaded, 'main');
    expect(JSON.parse(JSON.stringify(plan))).toEqual(plan);
  });
});

const good = (steps: string): Promise<Project> => load({ ...GOOD, 'rivers/test.yaml': riverWith(steps) });

test('an unknown river is an error with a suggestion', async () => {
  const project = await load(GOOD);
  expect(() => planFor(project, 'othr')).toThrow(
    expect.objectContaining({ code: 'RIVER_UNKNOWN_RIVER', hint: "Did you mean 'other'?" }),
  );
});

test('a loop whose body has other steps is walked row by row', async () => {
  const body = "{ id: call, type: sql, connection: warehouse, script: 'delete from t where id = {id}' }";
  const project = await good(`  - { id: each, type: loop, over: deals, as: [id], steps: [ ${body} ] }`);
  expect(mistakes(project)).toEqual([]);
  expect(project.rivers.get('test-river')!.steps[0]).toMatchObject({ type: 'loop', mode: 'steps', maxInFlight: 20 });
});

test('names may be all that the language says', async () => {
  const project =
    await good(`  - { id: _a, type: sql, connection: warehouse, query: 'select 1 as _x', target: { variable: deals } }
  - { id: -b-, type: sql, connection: warehouse, query: 'select 1', target: { table: Öl._größe, mode: append } }
  - id: 9_
    type: loop
    over: deals
    as: [_x]
    results: { connection: warehouse, table: Ergebnisse.Verträge }
    steps: [ { id: c, type: action, action: send, inputs: { id: '{_x}' } } ]
`);
  expect(mistakes(project)).toEqual([]);
});

test('a plan that Temporal would not take is refused', async () => {
  const project = await good(
    `  - { id: a, type: sql, connection: warehouse, script: "select '${'x'.repeat(1_000_001)}'" }`,
  );
  expect(mistakes(project)).toEqual(['rivers/test.yaml:1:7 RIVER_PLAN_TOO_LARGE']);
});

test('where nothing is filled in, texts with braces stay, and {{ is {', async () => {
  const literal = `{"a": {"b": 1}} p{color:red} {{nope} { x }`;
  const files = {
    'connections.yaml': `api: { type: http, base_url: http://a, headers: { X-A: '${literal}' } }\n`,
    'actions/a.yaml': `name: a\nconnection: api\ninputs: { i: { default: ['${literal}'] } }\nrequest: { method: GET, path: '/{i}' }\n`,
    'rivers/r.yaml': `name: r
inputs: { d: { default: '${literal}' } }
variables: { v: { initial: { k: '${literal}', n: 12345678901234567890 } } }
steps: [ { id: a, type: action, action: a } ]
schedules: [ { cron: '0 6 * * *', inputs: { d: '${literal}!' } } ]
`,
  };
  const { errors, connections, actions, rivers, schedules } = await load(files);
  expect(errors).toEqual([]);
  const text = `{"a": {"b": 1}} p{color:red} {nope} { x }`;
  expect(connections.get('api')).toHaveProperty('headers', { 'X-A': text });
  expect(actions.get('a')).toHaveProperty('inputs.i.default', [text]);
  expect(rivers.get('r')).toHaveProperty('inputs.d.default', text);
  expect(rivers.get('r')).toHaveProperty('variables.v.initial', { k: text, n: { $exact: '12345678901234567890' } });
  expect(schedules[0]).toHaveProperty('inputs', { d: `${text}!` });
});

test('numbers in YAML are exact, and keys are texts', async () => {
  const project = await good(
    "  - { id: a, type: action, action: send, inputs: { id: { 404: 12345678901234567890, b: 1.50, c: 0.12345678901234567891, d: 1e3, 'e': 0x1F } } }",
  );
  expect(mistakes(project)).toEqual([]);
  expect(project.rivers.get('test-river')!.steps[0]).toHaveProperty('inputs', {
    id: { 404: { $exact: '12345678901234567890' }, b: 1.5, c: { $exact: '0.12345678901234567891' }, d: 1000, e: 31 },
  });
});

test('YAML anchors stand for what they name', async () => {
  const project = await good(
    '  - { id: a, type: action, action: send, inputs: &x { id: 1 } }\n  - { id: b, type: action, action: send, inputs: *x }',
  );
  expect(project.errors).toEqual([]);
  expect(project.rivers.get('test-river')!.steps[1]).toHaveProperty('inputs', { id: 1 });
});

test('YAML merges: own keys go first, then those of earlier mappings; mistakes are told where they stand', async () => {
  const steps = (connection: string): string => `  - &base
    id: a
    type: sql
    connection: ${connection}
    query: select 1
    target: &target { variable: total }
  - { <<: *base, id: b, query: 'select {day}' }
  - { id: c, <<: [ { query: select 3, enabled: false }, *base ] }
  - { id: d, type: action, action: send, inputs: { id: { '<<': *target } } }
`;
  const project = await good(steps('warehouse'));
  expect(mistakes(project)).toEqual([]);
  expect(project.rivers.get('test-river')!.steps).toMatchObject([
    { id: 'a', sql: ['select 1'], enabled: true },
    {
      id: 'b',
      type: 'sql',
      connection: 'warehouse',
      sql: ['select ', { bind: ['day'] }],
      target: { variable: 'total' },
    },
    { id: 'c', sql: ['select 3'], enabled: false, target: { variable: 'total' } },
    { id: 'd', inputs: { id: { '<<': { variable: 'total' } } } },
  ]);
  expect(mistakes(await good(steps('warehose')))).toEqual(['rivers/test.yaml:11:17 RIVER_UNKNOWN_CONNECTION']);
});

test('a mapping that is merged into itself is told', async () => {
  const project = await good('  - &a { id: a, type: sql, <<: *a, nope: 1 }');
  expect(mistakes(project)).toEqual(['rivers/test.yaml:8:32 RIVER_YAML']);
});
