import fc from 'fast-check';
import type { SqlPart, WarehouseType } from '../../../src/contracts/plan.ts';
import { parseSql } from '../../../src/core/sql-template.ts';
import { TemplateError } from '../../../src/core/templates.ts';

const a = { bind: ['a'] };

describe('references become binds and identifiers', () => {
  test.each<[string, SqlPart[]]>([
    ['select 1', ['select 1']],
    ['', []],
    ['where x = {a}', ['where x = ', a]],
    ["where x = '{a}' and y", ['where x = ', a, ' and y']],
    ['{a}::date', [a, '::date']],
    ['({a},{run.id})', ['(', a, ',', { bind: ['run', 'id'] }, ')']],
    ['from {a|identifier} t', ['from ', { identifier: ['a'] }, ' t']],
    ['from s.{a|identifier}', ['from s.', { identifier: ['a'] }]],
    ["select {'k': {a}, 'b': 1}", ["select {'k': ", a, ", 'b': 1}"]],
    ['select {k: 1}, \'{"a":1}\'', ['select {k: 1}, \'{"a":1}\'']],
    ['select \'{{a}\', {{a}, "{{a}" -- {{a}', ['select \'{a}\', {a}, "{a}" -- {a}']],
    ["select '{{}'", ["select '{}'"]],
    ["'it''s' || {a}", ["'it''s' || ", a]],
    ["'it''s {{a}'", ["'it''s {a}'"]],
    ['"q""{{a}" {a}', ['"q""{a}" ', a]],
    ["E'\\'' || {a}", ["E'\\'' || ", a]],
    ["name'' || {a}", ["name'' || ", a]],
    ["'\\' || {a} || ''", ["'\\' || ", a, " || ''"]],
    ["$$ it's $$ || {a}", ["$$ it's $$ || ", a]],
    ["$t$ ' $$ $t$ || {a}", ["$t$ ' $$ $t$ || ", a]],
    ['$1 {a}', ['$1 ', a]],
    ['a$b$c {a}', ['a$b$c ', a]],
    ["/* it's /* nested */ ' */ {a}", ["/* it's /* nested */ ' */ ", a]],
    ["-- it's\n{a}", ["-- it's\n", a]],
    ['a - -1 / 2 {a}', ['a - -1 / 2 ', a]],
  ])('%s', (sql, expected) => {
    expect(parseSql(sql)).toEqual(expected);
  });

  test.each<[string, SqlPart[]]>([
    ["'\\'' || {a}", ["'\\'' || ", a]],
    ["// it's\n{a}", ["// it's\n", a]],
    ['/* /* */ {a}', ['/* /* */ ', a]],
    ['$t$ {a}', ['$t$ ', a]],
    ["$$ ' $$ {a}", ["$$ ' $$ ", a]],
  ])('Snowflake: %s', (sql, expected) => {
    expect(parseSql(sql, 'snowflake')).toEqual(expected);
  });
});

describe('references that cannot be bound', () => {
  test.each<[string, number, string, WarehouseType?]>([
    ["select 'x{a}'", 9, "'text ' || {a}"],
    ["select ' {a}'", 9, '||'],
    ["select '{a}{b}'", 8, '||'],
    ["select E'{a}'", 9, '||'],
    ['select $$ {a} $$', 10, '||'],
    ['select "{a}"', 8, '{a|identifier} without the quotes'],
    ['-- {a}', 3, 'comment'],
    ['/* {a} */', 3, 'comment'],
    ['// {a}', 3, 'comment', 'snowflake'],
    ["date '{a}'", 6, 'cast({a} as date)'],
    ["select TIMESTAMP\n'{a}'", 18, 'cast({a} as timestamp)'],
    ['from t_{a}', 7, '{a|identifier}'],
    ['from s.{a}', 7, '{a|identifier}'],
    ['from {a}.t', 5, '{a|identifier}'],
    ['from t_{a|identifier}', 7, 'whole name'],
    ['{a|json}', 0, 'binds the value'],
    ['{a|identifer}', 0, "Did you mean 'identifier'?"],
    ['x = {{a}}', 4, '{a}'],
    ["'{{a}}'", 1, '{a}'],
  ])('%s at %i', (...[sql, offset, hint, warehouse]) => {
    let error: unknown;
    try {
      parseSql(sql, warehouse);
    } catch (caught) {
      error = caught;
    }
    expect(error).toBeInstanceOf(TemplateError);
    expect(error).toMatchObject({ offset, hint: expect.stringContaining(hint) });
  });
});

const piece = fc.constantFrom(
  "'",
  '"',
  '{a}',
  '{{',
  '--',
  '\n',
  '/*',
  '*/',
  '$$',
  '$t$',
  '\\',
  'x',
  ' ',
  'E',
  '.',
  '(',
  ',',
);
const sql = fc.array(piece, { maxLength: 20 }).map((pieces) => pieces.join(''));
const warehouse = fc.constantFrom<WarehouseType>('duckdb', 'postgres', 'snowflake');

test('parsing never throws anything but its own error', () => {
  fc.assert(
    fc.property(sql, warehouse, (text, kind) => {
      try {
        parseSql(text, kind);
      } catch (error) {
        expect(error).toBeInstanceOf(TemplateError);
      }
    }),
    { numRuns: 2000 },
  );
});

test('SQL without braces comes out as it was', () => {
  fc.assert(
    fc.property(sql, warehouse, (text, kind) => {
      const plain = text.replaceAll('{', '').replaceAll('}', '');
      expect(parseSql(plain, kind).join('')).toBe(plain);
    }),
    { numRuns: 2000 },
  );
});

test('nothing in a literal, quoted name or comment is ever bound', () => {
  const quoted = fc.constantFrom(["'", "'"], ['"', '"'], ['/*', '*/'], ['--', '\n'], ['$$', '$$'], ['$t$', '$t$']);
  const inside = fc
    .array(fc.constantFrom('x', ' ', '.', ',', '('), { minLength: 1, maxLength: 5 })
    .map((pieces) => pieces.join(''));
  fc.assert(
    fc.property(quoted, inside, ([open, close], filler) => {
      expect(() => parseSql(`select ${open}${filler}{a}${close}`)).toThrow(TemplateError);
      expect(parseSql(`select ${open}${filler}${close} {a}`).at(-1)).toEqual(a);
    }),
  );
});
