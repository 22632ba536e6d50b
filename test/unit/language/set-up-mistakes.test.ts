import { GOOD, load, mistakes } from './project-of.ts';

/** Title, connections.yaml, where and what, part of the hint. */
const connections: [string, string, string, string][] = [
  [
    'an Authorization header written out',
    'x: { type: http, base_url: http://a, headers: { authorization: Bearer abc } }',
    '1:64 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a reference in a header',
    "x: { type: http, base_url: http://a, headers: { X-Run: 'is {run.id}' } }",
    '1:60 CONFIG_BAD_VALUE',
    "an action's request. For the literal text write {{run.id}.",
  ],
  ['a password in a base URL', 'x: { type: http, base_url: "http://me:secret@a" }', '1:28 SECRET_IN_FILE', 'basic'],
  ['unknown type', 'x: { type: duckdbb, path: w }', '1:12 CONFIG_BAD_VALUE', "Did you mean 'duckdb'?"],
  ['no type', 'x: { path: w }', '1:4 CONFIG_MISSING_KEY', 'type'],
  ['unknown key', 'x: { type: duckdb, pth: w }', '1:20 CONFIG_UNKNOWN_KEY', "Did you mean 'path'?"],
  ['a key that is missing', 'x: { type: duckdb }', '1:4 CONFIG_MISSING_KEY', 'path'],
  [
    'a token written out',
    'x: { type: http, base_url: http://a, auth: { type: bearer, token: abc } }',
    '1:67 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a password that is a number',
    'x: { type: http, base_url: http://a, auth: { type: basic, username: u, password: 123 } }',
    '1:82 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'an API key written out',
    'x: { type: http, base_url: http://a, auth: { type: api_key, name: n, key: abc } }',
    '1:75 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a client secret written out',
    'x: { type: http, base_url: http://a, auth: { type: oauth2_client_credentials, token_url: u, client_id: c, client_secret: s } }',
    '1:122 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a refresh token written out',
    'x: { type: http, base_url: http://a, auth: { type: oauth2_refresh, token_url: u, client_id: c, client_secret: { env: A }, refresh_token: t } }',
    '1:138 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a private key written out',
    'x: { type: snowflake, account: a, private_key: MIIE, username: u }',
    '1:48 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a password in a URL',
    'x: { type: postgres, url: "postgres://me:secret@host/db" }',
    '1:27 SECRET_IN_FILE',
    'env: NAME',
  ],
  [
    'a password in the parameters of a URL',
    'x: { type: postgres, url: "postgres://me@host/db?password=secret" }',
    '1:27 SECRET_IN_FILE',
    'env: NAME',
  ],
  ['a URL of something else', 'x: { type: postgres, url: "mysql://host/db" }', '1:27 CONFIG_BAD_VALUE', 'postgres://'],
  ['no URL', 'x: { type: postgres }', '1:4 CONFIG_MISSING_KEY', 'url'],
  ['a URL and a host', 'x: { type: postgres, url: { env: A }, host: h }', '1:39 CONFIG_CONFLICT', 'url'],
  ['no secret', 'x: { type: snowflake, account: a, username: u }', '1:4 CONFIG_MISSING_KEY', 'password'],
  ['no user', 'x: { type: snowflake, account: a, token: { env: T } }', '1:4 CONFIG_MISSING_KEY', 'who logs in'],
  [
    'two ways to log in',
    'x: { type: snowflake, account: a, username: u, private_key: { env: K }, password: { env: P } }',
    '1:73 CONFIG_CONFLICT',
    'Keep one',
  ],
  [
    'a reference with both',
    'x: { type: http, base_url: http://a, auth: { type: bearer, token: { env: A, file: b } } }',
    '1:67 CONFIG_BAD_VALUE',
    '{ env: NAME }',
  ],
  [
    'a mistyped reference',
    'x: { type: http, base_url: http://a, auth: { type: bearer, token: { enf: A } } }',
    '1:67 CONFIG_BAD_VALUE',
    '{ env: NAME }',
  ],
  ['a base URL without a scheme', 'x: { type: http, base_url: api.example.com }', '1:28 CONFIG_BAD_VALUE', 'https://'],
  [
    'no requests',
    'x: { type: http, base_url: http://a, limits: [ { requests: 0, per: 10s } ] }',
    '1:60 CONFIG_BAD_VALUE',
    '190',
  ],
  [
    'a window without a unit',
    'x: { type: http, base_url: http://a, limits: [ { requests: 1, per: 10 } ] }',
    '1:68 CONFIG_BAD_VALUE',
    '30s',
  ],
  [
    'a window of nothing',
    'x: { type: http, base_url: http://a, limits: [ { requests: 1, per: 0s } ] }',
    '1:68 CONFIG_BAD_VALUE',
    '30s',
  ],
  ['a timeout without a unit', 'x: { type: http, base_url: http://a, timeout: 30 }', '1:47 CONFIG_BAD_VALUE', '30s'],
  [
    'a mistyped reference in a setting',
    'x: { type: http, base_url: http://a, max_in_flight: { evn: A } }',
    '1:55 CONFIG_UNKNOWN_KEY',
    "Did you mean 'env'?",
  ],
  ['a port that is text', 'x: { type: postgres, host: h, port: "5432" }', '1:37 CONFIG_WRONG_TYPE', 'Write a number.'],
  [
    'a reserve that is no share',
    'x: { type: http, base_url: http://a, reserve: 10 }',
    '1:47 CONFIG_WRONG_TYPE',
    'text',
  ],
  [
    'an unknown auth',
    'x: { type: http, base_url: http://a, auth: { type: baerer } }',
    '1:52 CONFIG_BAD_VALUE',
    "Did you mean 'bearer'?",
  ],
  ['HubSpot without auth', 'x: { type: hubspot }', '1:4 CONFIG_MISSING_KEY', 'auth'],
  ['a bad name', 'my db: { type: duckdb, path: w }', '1:1 CONFIG_BAD_NAME', 'letters'],
  ['a list', '- a', '1:1 CONFIG_WRONG_TYPE', 'type'],
  ['a key twice', 'x: { type: duckdb, path: w }\nx: { type: duckdb, path: w }', '2:1 CONFIG_DUPLICATE_KEY', 'Keep one'],
];

test.each(connections)('connections.yaml: %s', async (_title, text, expected, hint) => {
  const project = await load({ 'connections.yaml': text, 'rivers/other.yaml': RIVER });
  expect(mistakes(project)).toEqual([`connections.yaml:${expected}`]);
  expect(project.errors[0]?.hint).toContain(hint);
  expect(JSON.stringify(project.errors[0])).not.toMatch(/secret|MIIE|abc/);
});

const RIVER = 'name: other\nsteps: [ { id: a, type: script, run: [a] } ]\n';

const settings: [string, string, string, string][] = [
  ['unknown key', 'temporl: {}', '1:1 CONFIG_UNKNOWN_KEY', "Did you mean 'temporal'?"],
  ['an address without a port', 'temporal: { address: localhost }', '1:22 CONFIG_BAD_VALUE', ''],
  ['an API key written out', 'temporal: { address: "h:1", api_key: abc }', '1:38 SECRET_IN_FILE', 'env: NAME'],
  ['a state URL with a password', 'state: { url: "postgres://u:p@h/db" }', '1:15 SECRET_IN_FILE', 'env: NAME'],
  ['a unitless retention', 'retention: 7', '1:12 CONFIG_BAD_VALUE', '1d'],
];

test.each(settings)('upriver.yaml: %s', async (_title, text, expected, hint) => {
  const project = await load({ ...GOOD, 'upriver.yaml': text });
  expect(mistakes(project)).toEqual([`upriver.yaml:${expected}`]);
  expect(project.errors[0]?.hint).toContain(hint);
});

const ACTION = 'name: x\nconnection: api\ninputs: [id]\n';
const BATCH = `${ACTION}batch: { rows: 10 }\n`;
const actions: [string, string, string, string][] = [
  [
    'unknown key',
    `${ACTION}request: { method: GET, path: /x }\nreqest: 1`,
    '5:1 RIVER_UNKNOWN_KEY',
    "Did you mean 'request'?",
  ],
  ['no request', ACTION, '1:1 RIVER_MISSING_KEY', 'request'],
  [
    'a request and steps',
    `${ACTION}request: { method: GET, path: /x }\nsteps: [ { id: a, request: { method: GET, path: /x } } ]`,
    '5:1 RIVER_CONFLICT',
    'one of the steps',
  ],
  [
    'a response of several steps as a whole',
    `${ACTION}response: { rules: [] }\nsteps: [ { id: a, request: { method: GET, path: /x } } ]`,
    '4:1 RIVER_CONFLICT',
    'of their own',
  ],
  [
    'unknown connection',
    'name: x\nconnection: ap\nrequest: { method: GET, path: /x }',
    '2:13 RIVER_UNKNOWN_CONNECTION',
    "Did you mean 'api'?",
  ],
  [
    'a warehouse',
    'name: x\nconnection: warehouse\nrequest: { method: GET, path: /x }',
    '2:13 RIVER_WRONG_CONNECTION',
    'HTTP connections: api, hubspot',
  ],
  ['no method', `${ACTION}request: { path: /x }`, '4:10 RIVER_MISSING_KEY', 'method'],
  ['an unknown method', `${ACTION}request: { method: FETCH, path: /x }`, '4:20 RIVER_BAD_VALUE', 'PATCH'],
  ['no path', `${ACTION}request: { method: GET }`, '4:10 RIVER_MISSING_KEY', 'path'],
  [
    'a path and a url',
    `${ACTION}request: { method: GET, path: /x, url: 'https://a/b' }`,
    '4:35 RIVER_CONFLICT',
    'Keep one',
  ],
  ['a path without a slash', `${ACTION}request: { method: GET, path: x }`, '4:31 RIVER_BAD_VALUE', '/x'],
  ['a url that is a path', `${ACTION}request: { method: GET, url: /x }`, '4:30 RIVER_BAD_VALUE', 'https://'],
  [
    'unknown input in a path',
    `${ACTION}request: { method: GET, path: '/x/{idd}' }`,
    '4:35 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'id'?",
  ],
  [
    'unknown input in a body',
    `${ACTION}request:\n  method: PUT\n  path: /x\n  body:\n    a: [ 1, 'is {nope}' ]`,
    '8:17 RIVER_UNKNOWN_VARIABLE',
    '{{nope}',
  ],
  [
    'an unquoted reference',
    `${ACTION}request: { method: PUT, path: /x, body: { id: {id} } }`,
    '4:47 RIVER_UNQUOTED_REFERENCE',
    "'{id}'",
  ],
  [
    'a body and a form',
    `${ACTION}request: { method: PUT, path: /x, body: {}, form: {} }`,
    '4:45 RIVER_CONFLICT',
    'Keep one',
  ],
  [
    'a body of a GET',
    `${ACTION}request: { method: get, path: /x, body: { id: '{id}' } }`,
    '4:35 RIVER_CONFLICT',
    'query',
  ],
  ['a form of a HEAD', `${ACTION}request: { method: HEAD, path: /x, form: { a: 1 } }`, '4:36 RIVER_CONFLICT', 'query'],
  [
    'a reference in a default',
    `name: x\nconnection: api\ninputs: { id: { default: { a: [1, 'on {run.id}'] } } }\nrequest: { method: GET, path: /x }`,
    '3:39 RIVER_UNKNOWN_VARIABLE',
    'in the request, or where the action is called. For the literal text write {{run.id}.',
  ],
  [
    'a text without its type',
    `${ACTION}request: { method: PUT, path: /x, text: x }`,
    '4:35 RIVER_MISSING_KEY',
    'text/plain',
  ],
  [
    'a type without a text',
    `${ACTION}request: { method: PUT, path: /x, content_type: a/b }`,
    '4:35 RIVER_CONFLICT',
    'Take it out',
  ],
  [
    'a rule that does not compile',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { rules: [ { when: 'status = 404', then: skip } ] }`,
    '5:38 RIVER_EXPRESSION',
    '==',
  ],
  [
    'a rule that reads what is not there',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { rules: [ { when: 'stats == 404', then: skip } ] }`,
    '5:31 RIVER_EXPRESSION',
    "Did you mean 'status'?",
  ],
  [
    'an unknown then',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { rules: [ { when: 'true', then: ignore } ] }`,
    '5:44 RIVER_BAD_VALUE',
    'skip',
  ],
  [
    'for with skip',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { rules: [ { when: 'true', then: skip, for: 1s } ] }`,
    '5:50 RIVER_CONFLICT',
    'Take it out',
  ],
  [
    'a reason that refers to an input',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { rules: [ { when: 'true', then: skip, because: 'no {id}' } ] }`,
    '5:63 RIVER_UNKNOWN_VARIABLE',
    'status',
  ],
  [
    'an output that does not compile',
    `${ACTION}request: { method: GET, path: /x }\nresponse: { outputs: { a: 'body.' } }`,
    '5:33 RIVER_EXPRESSION',
    'CEL',
  ],
  [
    'a later step that reads an unknown output',
    `${ACTION}steps:\n  - { id: one, request: { method: GET, path: /x }, response: { outputs: { token: body.t } } }\n  - { id: two, request: { method: GET, path: '/x/{one.tken}' } }`,
    '6:50 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'token'?",
  ],
  [
    'an earlier step that reads a later one',
    `${ACTION}steps:\n  - { id: one, request: { method: GET, path: '/{two.a}' } }\n  - { id: two, request: { method: GET, path: /x } }`,
    '5:48 RIVER_UNKNOWN_VARIABLE',
    '{{two.a}',
  ],
  [
    'a step that no other can refer to',
    `${ACTION}steps:\n  - { id: 1st, request: { method: GET, path: /x } }`,
    '5:11 RIVER_BAD_NAME',
    'token',
  ],
  [
    'a step named like an input',
    `${ACTION}steps:\n  - { id: id, request: { method: GET, path: /x } }`,
    '5:11 RIVER_DUPLICATE_STEP',
    'of its own',
  ],
  ['a batch without $each', `${BATCH}request: { method: PUT, path: /x, body: { id: 1 } }`, '5:41 RIVER_BATCH', '$each'],
  [
    '$each twice',
    `${BATCH}request: { method: PUT, path: /x, body: { a: { $each: '{id}' }, b: { $each: '{id}' } } }`,
    '5:77 RIVER_BATCH',
    'once',
  ],
  [
    '$each without a batch',
    `${ACTION}request: { method: PUT, path: /x, body: { $each: '{id}' } }`,
    '4:43 RIVER_BATCH',
    'batch: { rows: 100 }',
  ],
  [
    'an input outside of $each',
    `${BATCH}request: { method: PUT, path: '/x/{id}', body: { $each: '{id}' } }`,
    '5:31 RIVER_BATCH',
    'inside $each',
  ],
  [
    'row verdicts without a batch',
    `${ACTION}request: { method: PUT, path: /x }\nresponse: { rows: { id: '{id}' } }`,
    '5:13 RIVER_BATCH',
    'batch',
  ],
  [
    'splitting without a batch',
    `${ACTION}request: { method: PUT, path: /x }\nresponse: { split_when: 'true' }`,
    '5:13 RIVER_BATCH',
    'batch',
  ],
  [
    'a batch of several steps',
    `${BATCH}steps:\n  - { id: a, request: { method: GET, path: /x } }\n  - { id: b, request: { method: GET, path: /x } }`,
    '4:1 RIVER_BATCH',
    'one request',
  ],
  [
    'a batch of no rows',
    `${ACTION}batch: { rows: 0 }\nrequest: { method: PUT, path: /x, body: { $each: '{id}' } }`,
    '4:16 RIVER_BAD_VALUE',
    'rows',
  ],
  [
    'a size without a unit',
    `${ACTION}batch: { rows: 1, bytes: 300 }\nrequest: { method: PUT, path: /x, body: { $each: '{id}' } }`,
    '4:26 RIVER_BAD_VALUE',
    '3MB',
  ],
  [
    'more rows than HubSpot takes',
    "name: x\nconnection: hubspot\ninputs: [id]\nbatch: { rows: 101 }\nrequest: { method: POST, path: /crm/v3/objects/deals/batch/update, body: { inputs: { $each: { id: '{id}' } } } }",
    '4:16 RIVER_BATCH_TOO_LARGE',
    'rows: 100',
  ],
  [
    'no attempts',
    `${ACTION}request: { method: GET, path: /x }\nretry: { attempts: 0 }`,
    '5:20 RIVER_BAD_VALUE',
    'attempts',
  ],
];

test.each(actions)('actions: %s', async (_title, text, expected, hint) => {
  const project = await load({ ...GOOD, 'actions/x.yaml': text });
  expect(mistakes(project)).toEqual([`actions/x.yaml:${expected}`]);
  expect(project.errors[0]?.hint?.toLowerCase()).toContain(hint.toLowerCase());
});

test('two actions of one name', async () => {
  const project = await load({
    ...GOOD,
    'actions/z.yml': 'name: send\nconnection: api\nrequest: { method: GET, path: /x }',
  });
  expect(mistakes(project)).toEqual(['actions/z.yml:1:7 RIVER_DUPLICATE_NAME']);
});

test('a folder that is not there, and one without rivers', async () => {
  expect(mistakes(await load({ 'connections.yaml': '{}' }))).toEqual(['CONFIG_NO_PROJECT']);
});

test('who refers to a broken connection or action is not told that there is none', async () => {
  const files = {
    'connections.yaml': 'api: { type: htp }\nw: { type: duckdb }\n',
    'actions/a.yaml': 'name: a\nconnection: api\nrequest: { method: GET, path: /x }\n',
    'actions/b.yaml': 'name: b\n connection: api\n',
    'rivers/r.yaml':
      'name: r\nsteps:\n  - { id: a, type: action, action: a }\n  - { id: b, type: action, action: b }\n  - { id: c, type: sql, connection: w, script: select 1 }\n',
  };
  expect(mistakes(await load(files))).toEqual([
    'actions/b.yaml:2:2 RIVER_YAML',
    'connections.yaml:1:14 CONFIG_BAD_VALUE',
    'connections.yaml:2:4 CONFIG_MISSING_KEY',
  ]);
});
