/** Requests of an action, built for one row and for many. */
import type { RequestPlan } from '../../../src/contracts/plan.ts';
import { type Scope, Exact } from '../../../src/core/values.ts';
import { compileBatch, compileRequest } from '../../../src/http/build.ts';

const BASE = 'https://api.test/base';

function plan(change: Partial<RequestPlan> = {}): RequestPlan {
  return {
    id: 'call',
    inputs: {},
    method: 'PATCH',
    target: { kind: 'path', path: '/deals/{id}' },
    query: {},
    headers: {},
    body: null,
    rules: [],
    outputs: {},
    idempotent: true,
    rows: null,
    splitWhen: null,
    ...change,
  };
}

function build(change: Partial<RequestPlan>, scope: Scope = { id: 1 }) {
  return compileRequest(plan(change))(scope, BASE);
}

describe('the URL', () => {
  test('values are encoded in a path; the base path is kept; limits see the path below it', () => {
    expect(build({}, { id: 'a/b?c#d é' })).toMatchObject({
      url: 'https://api.test/base/deals/a%2Fb%3Fc%23d%20%C3%A9',
      path: '/deals/a%2Fb%3Fc%23d%20%C3%A9',
    });
  });

  test.each([null, '', '.', '..', ['a'], { a: 1 }])('%j in a path is the row’s error', (id) => {
    expect(() => build({}, { id })).toThrow(expect.objectContaining({ code: 'ROW_VALUE_IN_PATH' }));
  });

  test('the file’s own text is made fit for a URL, and a fragment is not sent', () => {
    expect(build({ target: { kind: 'path', path: 'düsen und/{id}?x=1#top' }, query: { y: 2 } }).url).toBe(
      'https://api.test/base/d%C3%BCsen%20und/1?x=1&y=2',
    );
  });

  test('query: null leaves out, a list repeats, numbers stay exact, text is encoded', () => {
    const query = { a: '{none}', b: '{list}', c: '{big}', 'd e': 'x&{id}', f: false };
    const { url, path } = build(
      { query },
      { id: 'ü', none: null, list: [1, null, 'z'], big: new Exact('12345678901234567890') },
    );
    expect(url).toBe(`https://api.test/base/deals/%C3%BC?b=1&b=z&c=12345678901234567890&d%20e=x%26%C3%BC&f=false`);
    expect(path).toBe('/deals/%C3%BC');
  });

  test('an absolute url: a leading reference is a URL as it is, later ones are values', () => {
    const url = '{hook}/x/{id}';
    const made = build({ target: { kind: 'url', url } }, { hook: 'https://other.test/a?b=1', id: 'c d' });
    expect(made).toMatchObject({ url: 'https://other.test/a?b=1/x/c%20d', path: '/a' });
  });

  test('a value cannot choose another host', () => {
    const target = { kind: 'url', url: 'https://{tenant}.api.test/x' } as const;
    expect(build({ target }, { tenant: 'acme' }).url).toBe('https://acme.api.test/x');
    expect(() => build({ target }, { tenant: 'evil.test/' })).toThrow(
      expect.objectContaining({ code: 'ROW_REQUEST_INVALID' }),
    );
  });

  test('an absolute url below the base URL counts as a path below it', () => {
    expect(build({ target: { kind: 'url', url: `${BASE}/search/{id}` } }).path).toBe('/search/1');
  });
});

describe('headers', () => {
  test('names in lower case; null leaves out; the body’s type unless another is given', () => {
    const json = { kind: 'json', value: {} } as const;
    expect(
      build({ body: json, headers: { 'X-Run': 'r-{id}', 'X-None': '{none}' } }, { id: 1, none: null }).headers,
    ).toEqual({
      'content-type': 'application/json',
      'x-run': 'r-1',
    });
    expect(build({ body: json, headers: { 'Content-Type': 'application/vnd.api+json' } }).headers).toEqual({
      'content-type': 'application/vnd.api+json',
    });
  });

  test('a line break is the row’s error', () => {
    expect(() => build({ headers: { 'X-A': '{id}' } }, { id: 'a\r\nb: c' })).toThrow(
      expect.objectContaining({ code: 'ROW_VALUE_IN_HEADER' }),
    );
  });
});

describe('bodies', () => {
  test('JSON keeps types, exact numbers and text with quotes', () => {
    const value = {
      fixed: [1, 'a"b', { n: null }],
      p: '{properties}',
      text: 'id {id}: "{name}"',
      exact: { $exact: '1.10' },
      __proto__x: '{id}',
    };
    const scope = { id: 7, name: 'O"Neil\n', properties: { a: 1, big: new Exact('9007199254740993') } };
    expect(build({ body: { kind: 'json', value } }, scope).body).toBe(
      '{"fixed":[1,"a\\"b",{"n":null}],"p":{"a":1,"big":9007199254740993},"text":"id 7: \\"O\\"Neil\\n\\"","exact":1.10,"__proto__x":7}',
    );
  });

  test('a body that is one reference, and one that is fixed', () => {
    expect(build({ body: { kind: 'json', value: '{properties}' } }, { id: 1, properties: null }).body).toBe('null');
    expect(build({ body: { kind: 'json', value: { a: '{{b}' } } }).body).toBe('{"a":"{b}"}');
  });

  test('form and text', () => {
    const form = build(
      { body: { kind: 'form', fields: { a: '{id}', b: '{none}', c: ['x', 'y z'], d: 'ä&=' } } },
      { id: 1, none: null },
    );
    expect(form.body).toBe('a=1&c=x&c=y+z&d=%C3%A4%26%3D');
    expect(form.headers['content-type']).toBe('application/x-www-form-urlencoded');
    const text = build({ body: { kind: 'text', text: '<id>{id}</id>', contentType: 'application/xml' } });
    expect(text).toMatchObject({ body: '<id>1</id>', headers: { 'content-type': 'application/xml' } });
  });

  test('DELETE carries one too', () => {
    expect(build({ method: 'DELETE', body: { kind: 'json', value: { a: 1 } } })).toMatchObject({
      body: '{"a":1}',
      headers: { 'content-type': 'application/json' },
    });
  });
});

describe('batches', () => {
  const batch = compileBatch(
    plan({
      method: 'POST',
      target: { kind: 'path', path: '/batch/{kind}' },
      body: {
        kind: 'json',
        value: { run: '{run}', inputs: { $each: { id: '{id}', p: { name: '{name}', fixed: 1 } } }, end: true },
      },
    }),
  );

  test('each row is written once, then carried', () => {
    const items = [batch.item({ id: 1, name: 'a"b' }), batch.item({ id: '2', name: null })];
    expect(items).toEqual(['{"id":1,"p":{"name":"a\\"b","fixed":1}}', '{"id":"2","p":{"name":null,"fixed":1}}']);
    const made = batch.body(items, { run: 'r', kind: 'update' }, BASE);
    expect(made).toMatchObject({
      method: 'POST',
      url: 'https://api.test/base/batch/update',
      headers: { 'content-type': 'application/json' },
    });
    expect(made.body).toBe(`{"run":"r","inputs":[${items.join(',')}],"end":true}`);
  });

  test('bytes can be counted before the request is made', () => {
    const items = [batch.item({ id: 1, name: 'ü' }), batch.item({ id: 2, name: 'x' })];
    const bytes =
      batch.emptyBytes({ run: 'ü' }) + items.reduce((sum, item) => sum + Buffer.byteLength(item), 0) + items.length - 1;
    expect(bytes).toBe(Buffer.byteLength(batch.body(items, { run: 'ü', kind: 'x' }, BASE).body ?? ''));
  });

  test('the list may be the whole body', () => {
    const whole = compileBatch(
      plan({ method: 'POST', target: { kind: 'path', path: '/x' }, body: { kind: 'json', value: { $each: '{id}' } } }),
    );
    expect(whole.body([whole.item({ id: 1 }), whole.item({ id: 'b' })], {}, BASE).body).toBe('[1,"b"]');
  });

  test('two lists are refused', () => {
    const body = { kind: 'json', value: { a: { $each: 1 }, b: { $each: 2 } } } as const;
    expect(() => compileBatch(plan({ body }))).toThrow(expect.objectContaining({ code: 'RIVER_BATCH_EACH' }));
  });
});
