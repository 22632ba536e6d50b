/** Turns a request of an action into bytes for one row: everything fixed is worked out once, only references per row. */
import type { BodyPlan, RequestPlan, TemplateText, TemplateValue } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { compileHeader, compilePath, compileText, compileValue, nextToken } from '../core/templates.ts';
import { type Scope, toText, type Value } from '../core/values.ts';
import type { PreparedRequest } from './http-client.ts';
import { compileJson } from './json-body.ts';

/** Throws UpriverError ROW_VALUE_IN_PATH, ROW_VALUE_IN_HEADER, ROW_REQUEST_INVALID: this row cannot be sent. `baseUrl` has no slash at its end. */
export type BuildRequest = (scope: Scope, baseUrl: string) => PreparedRequest;

export function compileRequest(plan: RequestPlan): BuildRequest {
  const head = compileHead(plan);
  const body = compileBody(plan);
  return (scope, baseUrl) => head(scope, baseUrl, body(scope));
}

export interface BuildBatch {
  /** JSON text of one row's part of the body. Its bytes count towards the batch's. */
  item: (scope: Scope) => string;
  /** Bytes of the body around the items, commas between them not counted. */
  emptyBytes: (scope: Scope) => number;
  /** The request that carries these items. The scope is that of the loop: no row's values. */
  body: (items: readonly string[], scope: Scope, baseUrl: string) => PreparedRequest;
}

/** For a JSON body with exactly one `{ $each: … }` in it. */
export function compileBatch(plan: RequestPlan): BuildBatch {
  const head = compileHead(plan);
  const json = compileJson(plan.body?.kind === 'json' ? plan.body.value : null);
  return {
    item: json.item,
    emptyBytes: (scope) => Buffer.byteLength(json.text(scope, [])),
    body: (items, scope, baseUrl) => head(scope, baseUrl, json.text(scope, items)),
  };
}

function compileBody(plan: RequestPlan): (scope: Scope) => string | null {
  const { body } = plan;
  if (body === null) return () => null;
  if (body.kind === 'text') return compileText(body.text);
  if (body.kind === 'form') return compileForm(body.fields);
  const json = compileJson(body.value);
  return (scope) => json.text(scope, []);
}

function contentType(body: BodyPlan | null): string | null {
  if (body === null) return null;
  if (body.kind === 'text') return body.contentType;
  return body.kind === 'form' ? 'application/x-www-form-urlencoded' : 'application/json';
}

function compileForm(fields: Record<string, TemplateValue>): (scope: Scope) => string {
  const compiled = Object.entries(fields).map(([name, value]) => [name, compileValue(value)] as const);
  return (scope) => {
    const pairs = compiled.flatMap(([name, value]) =>
      textsOf(value(scope)).map((text): [string, string] => [name, text]),
    );
    return new URLSearchParams(pairs).toString();
  };
}

type BuildHead = (scope: Scope, baseUrl: string, body: string | null) => PreparedRequest;

function compileHead(plan: RequestPlan): BuildHead {
  const target = plan.target.kind === 'path' ? compilePathTarget(plan.target.path) : compileUrlTarget(plan.target.url);
  const query = compileQuery(plan.query);
  const headers = compileHeaders(plan);
  const { method } = plan;
  return (scope, baseUrl, body) => {
    const { url, path } = target(scope, baseUrl);
    return { method, url: withQuery(url, query(scope)), path, headers: headers(scope), body };
  };
}

type BuildTarget = (scope: Scope, baseUrl: string) => { url: string; path: string };

function compilePathTarget(template: TemplateText): BuildTarget {
  const written = asciiUrl(template);
  const render = compilePath(written.startsWith('/') ? written : `/${written}`);
  return (scope, baseUrl) => {
    const path = render(scope);
    return { url: baseUrl + path, path: withoutQuery(path) };
  };
}

/** A reference that begins the URL is (part of) a URL and stays as it is; every later one is encoded as in a path. */
function compileUrlTarget(template: TemplateText): BuildTarget {
  const first = nextToken(template, 0);
  const raw = first?.start === 0 && first.ref ? template.slice(0, first.end) : '';
  const start = compileText(raw);
  const rest = compilePath(asciiUrl(template.slice(raw.length)));
  return (scope, baseUrl) => {
    const url = URL.parse(start(scope) + rest(scope));
    if (!url) throw badUrl(template);
    const sent = url.origin + url.pathname + url.search;
    return {
      url: sent,
      path: withoutQuery(sent.startsWith(`${baseUrl}/`) ? sent.slice(baseUrl.length) : url.pathname),
    };
  };
}

function badUrl(template: TemplateText): UpriverError {
  return new UpriverError('ROW_REQUEST_INVALID', 'with this row’s values the url is not a URL', {
    hint: 'Look at the values that go into the action’s url; write it as https://host/path.',
    context: { url: template },
  });
}

/** Text of the file's own that a URL cannot hold as it is; a fragment is never sent. */
function asciiUrl(text: string): string {
  const [sent = ''] = text.split('#', 1);
  return sent.replace(/[^\x21-\x7e]+/g, (part) => encodeURIComponent(part.toWellFormed()));
}

function withoutQuery(path: string): string {
  const at = path.indexOf('?');
  return at === -1 ? path : path.slice(0, at);
}

function withQuery(url: string, query: string): string {
  if (query === '') return url;
  return url.includes('?') ? `${url}&${query}` : `${url}?${query}`;
}

/** Null leaves a parameter out, a list repeats it. */
function compileQuery(query: Record<string, TemplateValue>): (scope: Scope) => string {
  const compiled = Object.entries(query).map(
    ([name, value]) => [`${encodeURIComponent(name)}=`, compileValue(value)] as const,
  );
  if (compiled.length === 0) return () => '';
  return (scope) => {
    const pairs = compiled.flatMap(([prefix, value]) => textsOf(value(scope)).map((text) => prefix + encode(text)));
    return pairs.join('&');
  };
}

function encode(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function textsOf(value: Value): string[] {
  if (value === null) return [];
  if (Array.isArray(value)) return value.filter((item) => item !== null).map(toText);
  return [toText(value)];
}

function compileHeaders(plan: RequestPlan): (scope: Scope) => Record<string, string> {
  const type = contentType(plan.body);
  const fixed: Record<string, string> = type === null ? {} : { 'content-type': type };
  const compiled = Object.entries(plan.headers).map(
    ([name, text]) => [name.toLowerCase(), compileHeader(text)] as const,
  );
  return (scope) => {
    const headers = { ...fixed };
    for (const [name, render] of compiled) {
      const value = render(scope);
      if (value !== null) headers[name] = value;
    }
    return headers;
  };
}
