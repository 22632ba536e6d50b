import { compileExpression, ExpressionError, type ExpressionOptions } from '../../../src/core/expressions.ts';
import { Exact, parseExact, type Scope, toWireJson } from '../../../src/core/values.ts';

const scope: Scope = {
  status: 404,
  n: 100_001,
  type: 'trial',
  attempt: 1,
  headers: { 'retry-after': '3' },
  deals: { $rowset: 'r1', rows: 5, columns: ['a'] },
  body: parseExact(`{"count": 3, "price": 20, "ratio": 1.5, "big": 12345678901234567890, "fine": 0.12345678901234567891,
    "results": [{"id": 1}, {"id": "b", "properties": {"a": 1}}, {}], "errors": null, "name": "tim", "flag": true}`),
};
const names = Object.keys(scope);
const evaluate = (source: string, options?: ExpressionOptions): unknown =>
  compileExpression(source, names, options)(scope);

describe('numbers', () => {
  test.each([
    ['status == 404', true],
    ['n > 100000', true],
    ['n + 1', 100_002],
    ['-n', -100_001],
    ['body.count == 3.0', true],
    ['body.count < 3.5', true],
    ['7 / 2', 3],
    ['body.price * 1.5', 30],
    ['body.ratio + 1', 2.5],
    ['1 - body.ratio', -0.5],
    ['attempt in [1, 2]', true],
    ['body.big > 5', true],
    ['body.big == body.big', true],
    ['body.fine < 1', true],
    ['body.fine == body.fine', true],
    ['type(status) == int', true],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test.each(['body.big', 'body.fine'])('%s passes through digit for digit', (source) => {
    const value = evaluate(source);
    expect(value).toBeInstanceOf(Exact);
    expect(value).toEqual((scope.body as Record<string, unknown>)[source.slice('body.'.length)]);
  });

  test('a result beyond 2^53 stays exact', () => {
    expect(evaluate('9007199254740991 + 2')).toEqual(new Exact('9007199254740993'));
  });
});

describe('values', () => {
  test.each([
    ["type == 'trial'", true],
    ["{'a': 1, 'b': [1, 'x', null]}", { a: 1, b: [1, 'x', null] }],
    ["body.name == 'tim' ? 1 : null", 1],
    ['has(body.count) && !has(body.zip)', true],
    ['body.results.map(type, type)[0].id', 1],
    ["status == '404'", false],
    ['timestamp("2020-01-01T00:00:00Z")', '2020-01-01T00:00:00.000Z'],
    ['headers["retry-after"] == "3"', true],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source)).toEqual(expected);
  });

  test('an object with a field named constructor is still an object', () => {
    const read = compileExpression('body.constructor + body.rest.x', ['body']);
    expect(read({ body: { constructor: 'a', rest: { x: 'b' } } })).toBe('ab');
  });

  test('evaluating does not change what it reads', () => {
    const before = toWireJson(scope.body!);
    evaluate('body.results.map(r, r.id)', { nullSafe: true });
    expect(toWireJson(scope.body!)).toBe(before);
  });
});

describe('null safe', () => {
  test.each([
    ['body.nope', null],
    ['body.nope.deeper.still', null],
    ['body.name.first', null],
    ['body.count.x', null],
    ['body.results[7].id', null],
    ['body.results[0].id', 1],
    ['body.nope[0]', null],
    ['body.errors.map(r, r.id)', []],
    ['body.nope.map(r, r.id)', []],
    ['body.results.map(r, r.id)', [1, 'b', null]],
    ['body.results.map(r, r.properties.a)', [null, 1, null]],
    ['body.results.filter(r, r.properties.a == 1).map(r, r.id)', ['b']],
    ['body.results.map(r, has(r.properties), r.id)', ['b']],
    ['body.errors.filter(e, e.x == 1)', []],
    ['body.errors.exists(e, e.x == 1)', false],
    ['body.errors.all(e, e.x)', true],
    ['body.results.exists_one(r, r.id == 1)', true],
    ['size(body.errors)', 0],
    ['body.errors.size()', 0],
    ['size(body.results)', 3],
    ["body.nope.contains('x')", false],
    ["body.name.contains('i')", true],
    ['body.nope > 3', false],
    ['body.nope <= 3', false],
    ['body.nope && status == 404', false],
    ['!body.nope', true],
    ['body.nope ? 1 : 2', 2],
    ['body.nope == null', true],
    ["'a' in body.errors", false],
    ["'count' in body", true],
    ['has(body.a.b.c)', false],
    ['headers.nope', null],
    ["[{'e': 1}].map(e, {'id': e.context.ids[0], 'code': e.category})", [{ id: null, code: null }]],
  ])('%s is %j', (source, expected) => {
    expect(evaluate(source, { nullSafe: true })).toEqual(expected);
  });

  test('a body that is text or null has no fields', () => {
    const read = compileExpression('body.results.map(r, r.id)', ['body'], { nullSafe: true });
    expect(read({ body: '<html>' })).toEqual([]);
    expect(read({ body: null })).toEqual([]);
  });
});

describe('rows()', () => {
  const conditions: ExpressionOptions = { functions: { rows: true }, multiple: ['deals'] };

  test('counts the rows of a multiple variable', () => {
    expect(evaluate('rows(deals) == 5', conditions)).toBe(true);
    expect(compileExpression('rows(deals)', ['deals'], conditions)({ deals: null })).toBe(0);
  });

  test.each([
    ['rows(n)', 5, 'multiple variable'],
    ['rows(deal)', 5, 'multiple variable'],
    ['deals == 5', 0, 'holds rows'],
  ])('%s is refused', (source, offset, message) => {
    expect(refusal(source, conditions)).toMatchObject({
      offset,
      message: expect.stringContaining(message),
      hint: expect.any(String),
    });
  });

  test('is not known in reply mappings', () => {
    expect(refusal('rows(deals)', { nullSafe: true }).message).toContain('not known');
  });
});

describe('refused when compiled', () => {
  test.each([
    ['statu == 4', 0, "Did you mean 'status'?"],
    ['status == 4 && bdy.x == 1', 15, "Did you mean 'body'?"],
    ['body.results.map(r, q.id)', 20, 'Known:'],
    ['status = 4', 7, '=='],
    ['status ==', 9, 'CEL'],
    ['(status == 4', 12, 'CEL'],
    ['foo(3)', 0, 'function'],
    ["1 + 'a'", 0, 'types'],
    ['', 0, 'CEL'],
  ])('%s at %i', (source, offset, hint) => {
    const error = refusal(source);
    expect(error.offset).toBe(offset);
    expect(error.hint).toContain(hint);
  });

  test('a late type error points at its place in the source', () => {
    expect(refusal('status == 404 && (body.a.b.c == null || size(1) == 2)', { nullSafe: true }).offset).toBe(40);
  });
});

test('values that do not fit are an error that shows no value', () => {
  expect(() => evaluate('body.name > 5')).toThrow(expect.objectContaining({ code: 'RIVER_EXPRESSION' }));
  expect(() => evaluate('int(body.name)')).toThrow(
    expect.objectContaining({ message: expect.not.stringContaining('tim') }),
  );
});

function refusal(source: string, options?: ExpressionOptions): ExpressionError {
  try {
    compileExpression(source, names, options);
  } catch (error) {
    if (error instanceof ExpressionError) return error;
    throw error;
  }
  throw new Error(`compiled: ${source}`);
}
