import { GOOD, load, mistakes, riverWith } from './project-of.ts';

const SQL = "  - { id: rows, type: sql, connection: warehouse, query: 'select 1', target: { variable: deals } }\n";
const loop = (
  rest: string,
  body = "      - { id: call, type: action, action: send, inputs: { id: '{id}' } }",
): string => `  - id: each\n    type: loop\n    over: deals\n    as: [id]\n${rest}    steps:\n${body}\n`;

test('the project that the mistakes are put into has none', async () => {
  const project = await load({ ...GOOD, 'rivers/test.yaml': riverWith(SQL + loop('')) });
  expect(project.errors).toEqual([]);
  expect([...project.rivers.keys()]).toEqual(['other', 'test-river']);
});

/** Title, steps (from line 8), where and what, part of the hint. */
const cases: [string, string, string, string][] = [
  [
    'unknown key in a step',
    '  - { id: a, type: sql, conection: warehouse, connection: warehouse, query: select 1, target: { variable: total } }',
    '8:25 RIVER_UNKNOWN_KEY',
    "Did you mean 'connection'?",
  ],
  ['unknown step type', '  - { id: a, type: sqll }', '8:20 RIVER_BAD_VALUE', "Did you mean 'sql'?"],
  ['no step type', '  - { id: a }', '8:5 RIVER_MISSING_KEY', 'type'],
  ['no id', '  - { type: action, action: send, inputs: { id: 1 } }', '8:5 RIVER_MISSING_KEY', 'id'],
  ['a step that is text', '  - hello', '8:5 RIVER_WRONG_TYPE', 'a mapping'],
  [
    'a bad id',
    '  - { id: Big Step, type: action, action: send, inputs: { id: 1 } }',
    '8:11 RIVER_BAD_NAME',
    'each_deal',
  ],
  [
    'duplicate ids at different depths',
    `${SQL}  - { id: seq, type: sequence, steps: [ { id: rows, type: action, action: send, inputs: { id: 1 } } ] }`,
    '9:47 RIVER_DUPLICATE_STEP',
    'id of its own',
  ],
  [
    'unknown connection',
    '  - { id: a, type: sql, connection: warehose, query: select 1, target: { variable: total } }',
    '8:37 RIVER_UNKNOWN_CONNECTION',
    "Did you mean 'warehouse'?",
  ],
  [
    'an http connection for SQL',
    '  - { id: a, type: sql, connection: api, query: select 1, target: { variable: total } }',
    '8:37 RIVER_WRONG_CONNECTION',
    'Warehouses: warehouse',
  ],
  [
    'unknown variable in SQL',
    "  - { id: a, type: sql, connection: warehouse, query: 'select {dy}', target: { variable: total } }",
    '8:63 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'day'? For the literal text write {{dy}.",
  ],
  [
    'unknown variable in a block of SQL',
    '  - id: a\n    type: sql\n    connection: warehouse\n    query: |\n      select 1\n        where x = {dy}\n    target: { variable: total }',
    '13:19 RIVER_UNKNOWN_VARIABLE',
    'day',
  ],
  [
    'a reference inside a longer literal',
    '  - { id: a, type: sql, connection: warehouse, query: "select \'on {day}\'", target: { variable: total } }',
    '8:67 RIVER_TEMPLATE',
    '|| {day} ||',
  ],
  [
    'a reference in a comment',
    '  - id: a\n    type: sql\n    connection: warehouse\n    query: |\n      select 1 -- {day}\n    target: { variable: total }',
    '12:19 RIVER_TEMPLATE',
    '{{day}',
  ],
  [
    'rows in a text',
    "  - { id: a, type: sql, connection: warehouse, query: 'select {deals}', target: { variable: total } }",
    '8:63 RIVER_ROWS_IN_TEXT',
    'loop',
  ],
  [
    'unknown built-in',
    "  - { id: a, type: action, action: send, inputs: { id: '{run.name}' } }",
    '8:57 RIVER_UNKNOWN_VARIABLE',
    'id',
  ],
  [
    'row outside of a loop',
    "  - { id: a, type: action, action: send, inputs: { id: '{row.number}' } }",
    '8:57 RIVER_UNKNOWN_VARIABLE',
    '{{row.number}',
  ],
  [
    'double braces',
    "  - { id: a, type: action, action: send, inputs: { id: 'x {{day}}' } }",
    '8:59 RIVER_TEMPLATE',
    '{day}',
  ],
  [
    'an unquoted reference',
    '  - { id: a, type: action, action: send, inputs: { id: {day} } }',
    '8:56 RIVER_UNQUOTED_REFERENCE',
    "'{day}'",
  ],
  [
    'unquoted double braces',
    '  - id: a\n    type: action\n    action: send\n    inputs:\n      id: {{day}}',
    '12:11 RIVER_UNQUOTED_REFERENCE',
    "'{day}'",
  ],
  [
    'unknown filter',
    "  - { id: a, type: action, action: send, inputs: { id: '{day|jsn}' } }",
    '8:57 RIVER_TEMPLATE',
    "Did you mean 'json'?",
  ],
  [
    'undeclared target variable',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { variable: deal } }',
    '8:85 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'deals'?",
  ],
  [
    'a target that is both',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { variable: total, table: t, mode: append } }',
    '8:73 RIVER_CONFLICT',
    '{ variable: … }',
  ],
  [
    'a merge without a key',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { table: t, mode: merge } }',
    '8:91 RIVER_KEYLESS_MERGE',
    'Add key',
  ],
  [
    'a key without merge',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { table: t, mode: append, key: [a] } }',
    '8:99 RIVER_CONFLICT',
    'merge',
  ],
  [
    'a table without a mode',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { table: t } }',
    '8:73 RIVER_MISSING_KEY',
    'overwrite',
  ],
  [
    'an unknown mode',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, target: { table: t, mode: overwite } }',
    '8:91 RIVER_BAD_VALUE',
    "Did you mean 'overwrite'?",
  ],
  [
    "a table's name with a quote too few",
    "  - { id: a, type: sql, connection: warehouse, query: select 1, target: { table: 'a; drop table b', mode: append } }",
    '8:82 RIVER_BAD_VALUE',
    'dotted parts',
  ],
  ['no target', '  - { id: a, type: sql, connection: warehouse, query: select 1 }', '8:5 RIVER_MISSING_KEY', 'script'],
  [
    'no SQL',
    '  - { id: a, type: sql, connection: warehouse, target: { variable: total } }',
    '8:5 RIVER_MISSING_KEY',
    'query_file',
  ],
  [
    'query and query_file',
    '  - { id: a, type: sql, connection: warehouse, query: select 1, query_file: a.sql, target: { variable: total } }',
    '8:65 RIVER_CONFLICT',
    'Keep',
  ],
  [
    'a script with a target',
    '  - { id: a, type: sql, connection: warehouse, script: select 1, target: { variable: total } }',
    '8:66 RIVER_CONFLICT',
    'query',
  ],
  [
    'a missing query_file',
    '  - { id: a, type: sql, connection: warehouse, query_file: sql/a.sql, target: { variable: total } }',
    '8:60 RIVER_MISSING_FILE',
    'relative to the project',
  ],
  [
    'a query_file outside of the project',
    '  - { id: a, type: sql, connection: warehouse, query_file: ../../etc/passwd, target: { variable: total } }',
    '8:60 RIVER_MISSING_FILE',
    'relative to the project',
  ],
  ['unknown action', '  - { id: a, type: action, action: sned }', '8:36 RIVER_UNKNOWN_ACTION', "Did you mean 'send'?"],
  [
    'unknown input of an action',
    "  - { id: a, type: action, action: send, inputs: { id: 1, nte: 'x' } }",
    '8:59 RIVER_UNKNOWN_INPUT',
    "Did you mean 'note'?",
  ],
  [
    'missing input of an action',
    "  - { id: a, type: action, action: send, inputs: { note: 'x' } }",
    '8:42 RIVER_MISSING_INPUT',
    'Add id',
  ],
  ['no inputs at all', '  - { id: a, type: action, action: send }', '8:5 RIVER_MISSING_INPUT', 'Add id'],
  [
    'unknown output of an action',
    '  - { id: a, type: action, action: send, inputs: { id: 1 }, outputs: { don: total } }',
    '8:72 RIVER_UNKNOWN_OUTPUT',
    "Did you mean 'done'?",
  ],
  [
    'an output into no variable',
    '  - { id: a, type: action, action: send, inputs: { id: 1 }, outputs: { done: totl } }',
    '8:78 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'total'?",
  ],
  [
    'an output into rows',
    '  - { id: a, type: action, action: send, inputs: { id: 1 }, outputs: { done: deals } }',
    '8:78 RIVER_MULTIPLE',
    'without multiple',
  ],
  [
    'a loop over one value',
    '  - { id: a, type: loop, over: total, as: [id], steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:32 RIVER_NOT_MULTIPLE',
    'multiple: true',
  ],
  [
    'a loop over nothing known',
    '  - { id: a, type: loop, over: dels, as: [id], steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:32 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'deals'?",
  ],
  ['a key that is no iterator', loop('    key: [ident]\n'), '12:11 RIVER_UNKNOWN_ITERATOR', 'Known: id'],
  ['send: changed without a key', loop('    send: changed\n'), '12:11 RIVER_CHANGED_NEEDS_KEY', 'Add key'],
  [
    'an iterator named like an input',
    '  - { id: a, type: loop, over: deals, as: [day], steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:44 RIVER_DUPLICATE_NAME',
    'another name',
  ],
  [
    'an iterator twice',
    '  - { id: a, type: loop, over: deals, as: [x, x], steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:47 RIVER_DUPLICATE_NAME',
    'of its own',
  ],
  [
    'a reserved iterator',
    '  - { id: a, type: loop, over: deals, as: { row: ROW }, steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:45 RIVER_BAD_NAME',
    'another name',
  ],
  ['a tolerance without sense', loop('    tolerate: some\n'), '12:15 RIVER_BAD_VALUE', '2%'],
  ['a tolerance of more than all', loop("    tolerate: '110%'\n"), '12:15 RIVER_BAD_VALUE', '2%'],
  ['a negative tolerance', loop('    tolerate: -1\n'), '12:15 RIVER_BAD_VALUE', '2%'],
  ['stop_after as a duration', loop('    stop_after: 5s\n'), '12:17 RIVER_BAD_VALUE', '2%'],
  ['max_in_flight: 0', loop('    max_in_flight: 0\n'), '12:20 RIVER_BAD_VALUE', 'max_in_flight'],
  ['a unitless timeout', loop('    timeout: 30\n'), '12:14 RIVER_BAD_VALUE', '30s'],
  ['a bad unit', loop('    timeout: 30 seconds\n'), '12:14 RIVER_BAD_VALUE', '30s'],
  ['no steps', '  - { id: a, type: sequence, steps: [] }', '8:37 RIVER_BAD_VALUE', 'at least one'],
  [
    'a batch action with company',
    loop(
      '',
      "      - { id: call, type: action, action: send-batch, inputs: { id: '{id}' } }\n      - { id: more, type: action, action: send, inputs: { id: '{id}' } }",
    ),
    '13:43 RIVER_BATCH',
    'loop of its own',
  ],
  [
    'a batch action outside of a loop',
    '  - { id: a, type: action, action: send-batch, inputs: { id: 1 } }',
    '8:36 RIVER_BATCH',
    'loop of its own',
  ],
  [
    'a batch action deeper in a body',
    loop(
      '',
      "      - { id: seq, type: sequence, steps: [ { id: call, type: action, action: send-batch, inputs: { id: '{id}' } } ] }",
    ),
    '13:79 RIVER_BATCH',
    'loop of its own',
  ],
  [
    'SQL in a loop that names no iterator',
    loop('', "      - { id: call, type: sql, connection: warehouse, script: 'delete from t where id = {idd}' }"),
    '13:89 RIVER_UNKNOWN_VARIABLE',
    "Did you mean 'id'?",
  ],
  [
    'results into two places',
    loop('    results: { variable: deals, table: t }\n'),
    '12:14 RIVER_CONFLICT',
    '{ variable: … }',
  ],
  [
    'results into a table that cannot be',
    loop('    results: { connection: warehouse, table: a.b.c.d }\n'),
    '12:46 RIVER_BAD_VALUE',
    'dotted parts',
  ],
  [
    'results with a column twice, from the key',
    '  - { id: a, type: loop, over: deals, as: [Code], key: [Code], results: { variable: deals }, steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:73 RIVER_DUPLICATE_NAME',
    'Give the iterator another name',
  ],
  [
    'results with a column twice, from an output',
    '  - { id: a, type: loop, over: deals, as: [done], key: [done], results: { variable: deals }, steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }',
    '8:73 RIVER_DUPLICATE_NAME',
    'Give the output another name',
  ],
  [
    'a condition that reads what is not there',
    "  - { id: a, type: condition, branches: [ { if: 'totl > 1', then: stop } ] }",
    '8:50 RIVER_EXPRESSION',
    "Did you mean 'total'?",
  ],
  [
    'a condition that does not compile',
    "  - { id: a, type: condition, branches: [ { if: 'total = 1', then: stop } ] }",
    '8:56 RIVER_EXPRESSION',
    '==',
  ],
  [
    'rows() of one value',
    "  - { id: a, type: condition, branches: [ { if: 'rows(total) > 1', then: stop } ] }",
    '8:55 RIVER_EXPRESSION',
    'deals',
  ],
  [
    'rows as a value',
    "  - { id: a, type: condition, branches: [ { if: 'deals > 1', then: stop } ] }",
    '8:50 RIVER_EXPRESSION',
    'rows(deals)',
  ],
  [
    'else that is not last',
    "  - { id: a, type: condition, branches: [ { else: true, then: stop }, { if: 'total == 1', then: stop } ] }",
    '8:45 RIVER_CONFLICT',
    'last',
  ],
  [
    'a branch without anything',
    "  - { id: a, type: condition, branches: [ { if: 'total == 1' } ] }",
    '8:43 RIVER_MISSING_KEY',
    'then',
  ],
  [
    'an unknown then',
    '  - { id: a, type: condition, branches: [ { else: true, then: halt } ] }',
    '8:63 RIVER_BAD_VALUE',
    'stop',
  ],
  [
    'a message without fail',
    '  - { id: a, type: condition, branches: [ { else: true, then: stop, message: x } ] }',
    '8:69 RIVER_CONFLICT',
    'fail',
  ],
  ['unknown river', '  - { id: a, type: river, river: othr }', '8:34 RIVER_UNKNOWN_RIVER', "Did you mean 'other'?"],
  [
    'unknown input of a river',
    "  - { id: a, type: river, river: other, inputs: { day: 'x', lmit: 3 } }",
    '8:61 RIVER_UNKNOWN_INPUT',
    "Did you mean 'limit'?",
  ],
  [
    'an input of a river that does not fit its type',
    '  - { id: a, type: river, river: other, inputs: { day: 5, limit: many } }',
    '8:66 RIVER_INPUT_TYPE',
    'Give limit as 42',
  ],
  ['missing input of a river', '  - { id: a, type: river, river: other }', '8:5 RIVER_MISSING_INPUT', 'Add day'],
  [
    'unknown output of a river',
    "  - { id: a, type: river, river: other, inputs: { day: 'x' }, outputs: { totl: total } }",
    '8:74 RIVER_UNKNOWN_OUTPUT',
    "Did you mean 'total'?",
  ],
  [
    'outputs of a river that is not waited for',
    "  - { id: a, type: river, river: other, inputs: { day: 'x' }, outputs: { total: total }, wait: false }",
    '8:63 RIVER_CONFLICT',
    'Wait for it',
  ],
  [
    'unknown variable in what a script runs',
    "  - { id: a, type: script, run: [python3, '{day}.py', '{nope}'] }",
    '8:56 RIVER_UNKNOWN_VARIABLE',
    '{{nope}',
  ],
  [
    "another language's references in what a script runs",
    "  - { id: a, type: script, run: [echo, '{{day}}'] }",
    '8:41 RIVER_TEMPLATE',
    '{day}',
  ],
  ['a river that calls itself', '  - { id: a, type: river, river: test-river }', '8:34 RIVER_RECURSION', 'circle'],
  [
    'a mistake in a disabled step',
    '  - { id: a, enabled: false, type: action, action: sned }',
    '8:52 RIVER_UNKNOWN_ACTION',
    "Did you mean 'send'?",
  ],
  [
    'a truth value that is text',
    "  - { id: a, enabled: 'yes', type: action, action: send, inputs: { id: 1 } }",
    '8:23 RIVER_WRONG_TYPE',
    'true or false',
  ],
];

test.each(cases)('%s', async (_title, steps, expected, hint) => {
  const project = await load({ ...GOOD, 'rivers/test.yaml': riverWith(steps) });
  expect(mistakes(project)).toEqual([`rivers/test.yaml:${expected}`]);
  expect(project.errors[0]?.hint).toContain(hint);
});

describe('the river around the steps', () => {
  const whole: [string, string, string, string][] = [
    [
      'unknown key',
      'nam: x\nname: test-river\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '1:1 RIVER_UNKNOWN_KEY',
      "Did you mean 'name'?",
    ],
    ['no name', 'steps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]', '1:1 RIVER_MISSING_KEY', 'name'],
    [
      'a bad name',
      'name: Trial Deals\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '1:7 RIVER_BAD_NAME',
      'trial-deals',
    ],
    [
      'another river’s name',
      'name: other\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '1:7 RIVER_DUPLICATE_NAME',
      'of its own',
    ],
    ['steps that are a mapping', 'name: x\nsteps: { a: 1 }', '2:8 RIVER_WRONG_TYPE', 'a list'],
    ['an empty file', '', '1:1 RIVER_WRONG_TYPE', 'delete the file'],
    ['wrong indentation', 'name: x\nsteps:\n  - id: a\n   type: sql\n', '4:1 RIVER_YAML', 'Indent'],
    [
      'a list item that is indented too little, which leads the parser astray',
      'name: x\nsteps:\n  - id: a\n    type: sql\n - id: b\n   type: sql\n   query: select 1\n',
      '5:1 RIVER_YAML',
      'Indent',
    ],
    [
      'a line that is indented too deep',
      'name: x\nsteps:\n  - id: a\n    type: sql\n      connection: warehouse\n',
      '5:7 RIVER_YAML',
      'Indent',
    ],
    ['a text that holds a colon', 'name: x\ndescription: note: this\nsteps: []', '2:14 RIVER_YAML', 'quotes'],
    [
      'an alias within its own anchor',
      'name: x\nsteps: &a [ { id: s, type: sequence, steps: *a } ]',
      '2:45 RIVER_YAML',
      '*a',
    ],
    ['a tab', 'name: x\nsteps:\n\t- id: a\n', '3:1 RIVER_YAML', 'spaces'],
    ['a value that begins with a brace', 'name: x\ndescription: {a} and more\nsteps: []', '2:18 RIVER_YAML', 'quotes'],
    [
      'a key twice',
      'name: x\nname: y\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '2:1 RIVER_DUPLICATE_KEY',
      'Keep one',
    ],
    [
      'a default of another type',
      'name: x\ninputs: { n: { type: integer, default: many } }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '2:40 RIVER_BAD_VALUE',
      '42',
    ],
    [
      'a reference in a default',
      "name: x\ninputs: { d: { default: '{nope}' } }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]",
      '2:26 RIVER_UNKNOWN_VARIABLE',
      'For the literal text write {{nope}.',
    ],
    [
      'a reference in an initial value',
      "name: x\nvariables: { v: { initial: { at: ['{run.started_at}'] } } }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]",
      '2:36 RIVER_UNKNOWN_VARIABLE',
      'Let a step set the variable',
    ],
    [
      'a reference in an input of a schedule',
      "name: x\ninputs: { d: {} }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 6 * * *', inputs: { d: 'on {run.scheduled_at}' } } ]",
      '4:52 RIVER_UNKNOWN_VARIABLE',
      'themselves',
    ],
    [
      'a variable named like an input',
      'name: x\ninputs: { n: {} }\nvariables: { n: {} }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '3:14 RIVER_DUPLICATE_NAME',
      'another name',
    ],
    [
      'a reserved name',
      'name: x\nvariables: { run: {} }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '2:14 RIVER_BAD_NAME',
      'another name',
    ],
    [
      'rows that persist',
      'name: x\nvariables: { n: { multiple: true, persist: true } }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '2:35 RIVER_CONFLICT',
      'multiple',
    ],
    [
      'a bad overlap',
      'name: x\noverlap: skp\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]',
      '2:10 RIVER_BAD_VALUE',
      "Did you mean 'skip'?",
    ],
    [
      'a bad cron',
      "name: x\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 25 * * *' } ]",
      '3:22 RIVER_CRON',
      '0 to 23',
    ],
    [
      'a cron of six fields',
      "name: x\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 0 6 * * *' } ]",
      '3:22 RIVER_CRON',
      '0 6 * * *',
    ],
    [
      'one schedule twice',
      "name: x\ninputs: { n: { default: a } }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules:\n  - { cron: '0 6 * * *' }\n  - { cron: '0 6 * * *', inputs: { n: b } }\n  - { cron: '0 6 * * *', inputs: { n: a }, jitter: 5s }",
      '7:5 RIVER_CONFLICT',
      'Keep one',
    ],
    [
      'a bad time zone',
      "name: x\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 6 * * *', timezone: Europe/Berln } ]",
      '3:45 RIVER_TIMEZONE',
      'Europe/Berlin',
    ],
    [
      'an unknown input of a schedule',
      "name: x\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 6 * * *', inputs: { day: x } } ]",
      '3:50 RIVER_UNKNOWN_INPUT',
      'no inputs',
    ],
    [
      'an input that a schedule leaves out',
      "name: x\ninputs: { day: {} }\nsteps: [ { id: a, type: action, action: send, inputs: { id: 1 } } ]\nschedules: [ { cron: '0 6 * * *' } ]",
      '4:14 RIVER_MISSING_INPUT',
      'Add inputs: { day: … } to the schedule',
    ],
  ];

  test.each(whole)('%s', async (_title, text, expected, hint) => {
    const project = await load({ ...GOOD, 'rivers/test.yaml': text });
    expect(mistakes(project)).toEqual([`rivers/test.yaml:${expected}`]);
    expect(project.errors[0]?.hint).toContain(hint);
  });
});

test('what is declared in a wrong way is told once', async () => {
  const text = `name: Bad Name
variables: { deals: { multiple: 'yes' }, 2nd: {}, total: { intial: 1 } }
steps:
  - { id: each, type: loop, over: deals, as: [id], steps: [ { id: No, type: action, action: sned } ] }
  - { id: count, type: sql, connection: warehouse, query: select 1, target: { variable: 2nd } }
`;
  expect(mistakes(await load({ ...GOOD, 'rivers/test.yaml': text }))).toEqual([
    'rivers/test.yaml:1:7 RIVER_BAD_NAME',
    'rivers/test.yaml:2:33 RIVER_WRONG_TYPE',
    'rivers/test.yaml:2:42 RIVER_BAD_NAME',
    'rivers/test.yaml:2:60 RIVER_UNKNOWN_KEY',
    'rivers/test.yaml:4:67 RIVER_BAD_NAME',
    'rivers/test.yaml:4:93 RIVER_UNKNOWN_ACTION',
    'rivers/test.yaml:5:89 RIVER_BAD_NAME',
  ]);
});

test.each([
  [
    'without over',
    'type: loop, as: [id]',
    ['8:5 MISSING_KEY', '10:35 UNKNOWN_VARIABLE', '11:36 UNKNOWN_ACTION', '12:50 EXPRESSION'],
  ],
  ['without as', 'type: loop, over: deals', ['8:5 MISSING_KEY', '11:36 UNKNOWN_ACTION']],
  ['with an as that cannot be', 'type: loop, over: deals, as: id', ['8:46 WRONG_TYPE', '11:36 UNKNOWN_ACTION']],
  [
    'of a type that is mistyped',
    'type: lop, over: deals, as: { id: ID }',
    ['8:23 BAD_VALUE', '10:35 UNKNOWN_VARIABLE', '11:36 UNKNOWN_ACTION', '12:50 EXPRESSION'],
  ],
])('a loop %s has its body checked all the same', async (_title, given, expected) => {
  const steps = `  - { id: each, ${given}, steps: [
    { id: a, type: action, action: send, inputs: { id: '{id}' } },
    { id: b, type: script, run: ['{nope}'] },
    { id: c, type: action, action: sned },
    { id: d, type: condition, branches: [ { if: 'nope == 1', then: skip } ] } ] }
`;
  const project = await load({ ...GOOD, 'rivers/test.yaml': riverWith(steps) });
  expect(mistakes(project)).toEqual(expected.map((each) => `rivers/test.yaml:${each.replace(' ', ' RIVER_')}`));
});

test('an action that needs a row is for loops', async () => {
  const action = "name: numbered\nconnection: api\nrequest: { method: PUT, path: '/{row.number}' }\n";
  const steps = `  - { id: alone, type: action, action: numbered }
${loop('', '      - { id: inside, type: action, action: numbered }')}`;
  const project = await load({ ...GOOD, 'actions/numbered.yaml': action, 'rivers/test.yaml': riverWith(steps) });
  expect(mistakes(project)).toEqual(['rivers/test.yaml:8:40 RIVER_UNKNOWN_VARIABLE']);
});

test('a row of a loop does not see how many rows there are', async () => {
  const body = "      - { id: gate, type: condition, branches: [ { if: 'rows(deals) > 1', then: skip } ] }";
  const project = await load({ ...GOOD, 'rivers/test.yaml': riverWith(loop('', body)) });
  expect(mistakes(project)).toEqual(['rivers/test.yaml:13:57 RIVER_EXPRESSION']);
});

test('a query_file has its mistakes said at their place in it', async () => {
  const steps = '  - { id: a, type: sql, connection: warehouse, query_file: sql/a.sql, target: { variable: total } }';
  const project = await load({
    ...GOOD,
    'rivers/test.yaml': riverWith(steps),
    'sql/a.sql': "select 1\nwhere x = '{day}'\n  and y = {dy}",
  });
  expect(mistakes(project)).toEqual(['sql/a.sql:3:11 RIVER_UNKNOWN_VARIABLE']);
});

test('rivers that call each other in a circle are told at each call of it', async () => {
  const calling = (name: string, other: string): string =>
    `name: ${name}\nsteps:\n  - { id: call, type: river, river: ${other} }\n`;
  const project = await load({
    'rivers/a.yaml': calling('a', 'b'),
    'rivers/b.yaml': calling('b', 'c'),
    'rivers/c.yaml': calling('c', 'b'),
  });
  expect(mistakes(project)).toEqual(['rivers/b.yaml:3:37 RIVER_RECURSION', 'rivers/c.yaml:3:37 RIVER_RECURSION']);
  expect(project.errors[0]?.message).toContain('b → c → b');
});

describe('columns that a query does not select', () => {
  const query = (sql: string, id = 'rows'): string =>
    `  - { id: ${id}, type: sql, connection: warehouse, query: '${sql}', target: { variable: deals } }\n`;
  const walk = (as: string): string =>
    `  - { id: each, type: loop, over: deals, as: ${as}, steps: [ { id: b, type: action, action: send, inputs: { id: 1 } } ] }\n`;
  const told = async (steps: string): Promise<string[]> => {
    const project = await load({ ...GOOD, 'rivers/test.yaml': riverWith(steps) });
    return project.errors.map(({ position, code, hint }) => `${position?.line}:${position?.column} ${code} ${hint}`);
  };

  test('by name and by position, wherever the query stands', async () => {
    const named = query('select deal_id, name as Title from t') + walk('{ id: DEALID, title: TITLE }');
    expect(await told(named)).toEqual(["9:52 RIVER_UNKNOWN_COLUMN Did you mean 'deal_id'?"]);
    const counted = `${walk('[id, title]')}  - id: s\n    type: sequence\n    steps:\n    ${query('select deal_id from t')}`;
    expect(await told(counted)).toEqual([
      "8:51 RIVER_UNKNOWN_COLUMN Columns: deal_id. Select one more, or take 'title' out of as.",
    ]);
  });

  test('of a merge', async () => {
    const merge =
      "  - { id: m, type: sql, connection: warehouse, query: 'select id, name from t', target: { table: t, mode: merge, key: [ID, nam] } }";
    expect(await told(merge)).toEqual(["8:124 RIVER_UNKNOWN_COLUMN Did you mean 'name'?"]);
  });

  test.each([
    ['a query that tells not all', query('select * from t')],
    ['two queries', query('select a from t') + query('select b from t', 'second')],
    [
      'the results of a loop',
      `${query('select a from t')}  - { id: first, type: loop, over: deals, as: [x], results: { variable: deals }, steps: [ { id: c, type: action, action: send, inputs: { id: 1 } } ] }\n`,
    ],
    ['nothing', ''],
  ])('nothing is told of rows of %s', async (_title, steps) => {
    expect(await told(steps + walk('{ id: nowhere }'))).toEqual([]);
  });
});

test('all mistakes of all files are told at once, in order', async () => {
  const steps = `  - { id: a, type: sql, conection: x, connection: warehose, query: 'select {dy}, ''a {day}''', target: { variable: totl } }
  - id: seq
    type: sequence
    colour: red
    steps:
      - { id: a, type: action, action: send, inputs: { id: '{nope}', nte: 1 } }
      - { id: b, type: loop, over: total, as: [x], key: [y], steps: [ { id: c, type: action, action: sned } ] }
`;
  const files = {
    ...GOOD,
    'rivers/test.yaml': riverWith(steps),
    'actions/bad.yaml': 'name: bad\nconnection: nope\nrequest: { method: FETCH, path: /x }\n',
    'upriver.yaml': 'retention: 7\n',
  };
  expect(mistakes(await load(files))).toEqual([
    'actions/bad.yaml:2:13 RIVER_UNKNOWN_CONNECTION',
    'actions/bad.yaml:3:20 RIVER_BAD_VALUE',
    'rivers/test.yaml:8:25 RIVER_UNKNOWN_KEY',
    'rivers/test.yaml:8:51 RIVER_UNKNOWN_CONNECTION',
    'rivers/test.yaml:8:68 RIVER_TEMPLATE',
    'rivers/test.yaml:8:116 RIVER_UNKNOWN_VARIABLE',
    'rivers/test.yaml:11:5 RIVER_UNKNOWN_KEY',
    'rivers/test.yaml:13:15 RIVER_DUPLICATE_STEP',
    'rivers/test.yaml:13:61 RIVER_UNKNOWN_VARIABLE',
    'rivers/test.yaml:13:70 RIVER_UNKNOWN_INPUT',
    'rivers/test.yaml:14:36 RIVER_NOT_MULTIPLE',
    'rivers/test.yaml:14:58 RIVER_UNKNOWN_ITERATOR',
    'rivers/test.yaml:14:102 RIVER_UNKNOWN_ACTION',
    'upriver.yaml:1:12 CONFIG_BAD_VALUE',
  ]);
});
