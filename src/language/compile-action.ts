/** An action's file → its plan. */
import type { ActionPlan, BodyPlan, Json, RequestPlan, RulePlan } from '../contracts/plan.ts';
import { REPLY_NAMES } from '../core/judge.ts';
import { didYouMean } from '../core/suggest.ts';
import { checkBatch, checkEachAbsent } from './check-batch.ts';
import type { KnownConnection } from './compile-connections.ts';
import { checkMapping, checkTemplate, literalJson, Names } from './names.ts';
import type { FileProblems } from './problems.ts';
import {
  type ActionFile,
  type ActionRequest,
  type ActionResponse,
  type ActionRule,
  NO_RESPONSE,
} from './schema/action.ts';
import type { Path } from './source.ts';

/** A request as it is checked: where it stands, and what it may refer to. */
interface RequestParts {
  id: string;
  path: Path;
  names: Names;
  inputs: Record<string, Json>;
  request: ActionRequest;
  response: ActionResponse;
  idempotent: boolean | undefined;
}

export function compileAction(
  action: ActionFile,
  file: FileProblems,
  connections: ReadonlyMap<string, KnownConnection | null>,
): ActionPlan {
  const inputs = inputPlans(action.inputs, file);
  const connection = checkConnection(action.connection, file, connections);
  const names = Names.builtIn().with(['row'], ['number']).with(Object.keys(inputs));
  const requests = requestParts(action, file, names).map((parts) => compileRequest(parts, file));
  const plan: ActionPlan = {
    name: action.name,
    connection: action.connection,
    inputs,
    batch: action.batch ?? null,
    retry: { attempts: action.retry.attempts, initialMs: action.retry.initial, maxMs: action.retry.max },
    requests,
    outputs: Object.keys(requests.at(-1)?.outputs ?? {}),
  };
  if (action.batch) checkBatch(plan, file, connection?.preset ?? null);
  else if (!file.faulty(['batch'])) checkEachAbsent(plan, file);
  return plan;
}

function inputPlans(inputs: ActionFile['inputs'], file: FileProblems): ActionPlan['inputs'] {
  const instead = 'Refer to it in the request, or where the action is called.';
  if (Array.isArray(inputs)) return Object.fromEntries(inputs.map((name) => [name, { required: true, default: null }]));
  return Object.fromEntries(
    Object.entries(inputs).map(([name, input]) => [
      name,
      {
        required: input?.default === undefined,
        default: literalJson(input?.default ?? null, { file, path: ['inputs', name, 'default'], instead }),
      },
    ]),
  );
}

function checkConnection(
  name: string,
  file: FileProblems,
  connections: ReadonlyMap<string, KnownConnection | null>,
): KnownConnection | null {
  const connection = connections.get(name);
  if (connection === undefined) {
    const hint = didYouMean(name, connections.keys(), 'Define it in connections.yaml.');
    file.add(['connection'], { code: 'RIVER_UNKNOWN_CONNECTION', message: `no connection is named '${name}'`, hint });
    return null;
  }
  if (connection === null || connection.plan.type === 'http') return connection;
  const https = [...connections].filter(([, known]) => known?.plan.type === 'http').map(([other]) => other);
  file.add(['connection'], {
    code: 'RIVER_WRONG_CONNECTION',
    message: `'${name}' is a warehouse (${connection.plan.type}); an action needs an http connection`,
    hint:
      https.length > 0 ? `HTTP connections: ${https.join(', ')}.` : 'Define one with type: http in connections.yaml.',
  });
  return null;
}

function requestParts(action: ActionFile, file: FileProblems, names: Names): RequestParts[] {
  if (action.steps && action.request) {
    file.add(
      ['steps'],
      {
        code: 'RIVER_CONFLICT',
        message: 'an action has a request or steps, not both',
        hint: 'Make the request one of the steps.',
      },
      { at: 'key' },
    );
  }
  if (action.steps && action.response) {
    const hint = 'Give the steps a response of their own.';
    file.add(
      ['response'],
      { code: 'RIVER_CONFLICT', message: 'an action of several steps has no response as a whole', hint },
      { at: 'key' },
    );
  }
  if (action.steps) return multiParts(action, file, names);
  if (!action.request) {
    if (!file.faulty(['steps'])) file.missing([], 'request', 'Add request: { method: …, path: … }.');
    return [];
  }
  const { request, response = NO_RESPONSE, idempotent } = action;
  return [{ id: 'request', path: [], names, inputs: {}, request, response, idempotent }];
}

/** Several requests in order: each may read the outputs of those before it. */
function multiParts(action: ActionFile, file: FileProblems, base: Names): RequestParts[] {
  let names = base;
  return (action.steps ?? []).map((step, index) => {
    const path: Path = ['steps', index];
    if (names.has(step.id)) {
      const message = `'${step.id}' names something else in this action already`;
      file.add([...path, 'id'], { code: 'RIVER_DUPLICATE_STEP', message, hint: 'Give every step an id of its own.' });
    }
    checkTemplate(step.inputs, names, file, [...path, 'inputs']);
    const own = names.with(Object.keys(step.inputs));
    names = names.with([step.id], Object.keys(step.response.outputs));
    return { ...step, path, names: own, idempotent: step.idempotent ?? action.idempotent };
  });
}

function compileRequest(parts: RequestParts, file: FileProblems): RequestPlan {
  const { request, response, names } = parts;
  const path = [...parts.path, 'request'];
  for (const key of ['path', 'url', 'query', 'headers', 'body', 'form', 'text'] as const) {
    const value = request[key];
    if (value !== undefined) checkTemplate(value, names, file, [...path, key]);
  }
  checkResponse(response, names, file, [...parts.path, 'response']);
  return {
    id: parts.id,
    inputs: parts.inputs,
    method: request.method,
    target: targetOf(request, file, path),
    query: request.query,
    headers: request.headers,
    body: bodyOf(request, file, path),
    rules: response.rules.map(rulePlan),
    outputs: response.outputs,
    idempotent: parts.idempotent ?? request.method !== 'POST',
    rows: response.rows
      ? { id: response.rows.id, delivered: response.rows.delivered ?? null, rejected: response.rows.rejected ?? null }
      : null,
    splitWhen: response.split_when ?? null,
  };
}

function targetOf({ path, url }: ActionRequest, file: FileProblems, at: Path): RequestPlan['target'] {
  if (path !== undefined && url !== undefined) {
    file.add(
      [...at, 'url'],
      { code: 'RIVER_CONFLICT', message: 'a request has a path or a url, not both', hint: 'Keep one of the two.' },
      { at: 'key' },
    );
  }
  if (url !== undefined) {
    const absolute = /^(https?:\/\/|\{)/.test(url);
    if (!absolute)
      file.add([...at, 'url'], {
        code: 'RIVER_BAD_VALUE',
        message: 'url is not absolute',
        hint: 'Begin it with https://, or use path.',
      });
    return { kind: 'url', url };
  }
  if (path === undefined) file.missing(at, 'path', 'Add path: /… (or url: https://…).');
  else if (!path.startsWith('/'))
    file.add([...at, 'path'], {
      code: 'RIVER_BAD_VALUE',
      message: 'path does not begin with /',
      hint: `Write /${path}.`,
    });
  return { kind: 'path', path: path ?? '/' };
}

function bodyOf(request: ActionRequest, file: FileProblems, at: Path): BodyPlan | null {
  const { body, form, text, content_type: contentType } = request;
  const given = (['body', 'form', 'text'] as const).filter((key) => request[key] !== undefined);
  if (given.length > 1) {
    const message = `a request has one of body, form and text, not ${given.join(' and ')}`;
    file.add([...at, given[1]!], { code: 'RIVER_CONFLICT', message, hint: 'Keep one.' }, { at: 'key' });
  }
  if (given[0] && (request.method === 'GET' || request.method === 'HEAD')) {
    const message = `a ${request.method} request carries no body`;
    const hint = 'Put the values into query, or take another method.';
    file.add([...at, given[0]], { code: 'RIVER_CONFLICT', message, hint }, { at: 'key' });
  }
  if (text !== undefined && contentType === undefined) {
    file.add(
      [...at, 'text'],
      {
        code: 'RIVER_MISSING_KEY',
        message: "'content_type' is missing",
        hint: 'Add content_type: text/plain, for example.',
      },
      { at: 'key' },
    );
  }
  if (text === undefined && contentType !== undefined) {
    const hint = 'Take it out: body is JSON and form is form-encoded by themselves.';
    file.add(
      [...at, 'content_type'],
      { code: 'RIVER_CONFLICT', message: 'content_type is for text', hint },
      { at: 'key' },
    );
  }
  if (body !== undefined) return { kind: 'json', value: body as Json };
  if (form !== undefined) return { kind: 'form', fields: form };
  return text === undefined ? null : { kind: 'text', text, contentType: contentType ?? 'text/plain' };
}

function checkResponse(response: ActionResponse, names: Names, file: FileProblems, path: Path): void {
  for (const [index, rule] of response.rules.entries()) checkRule(rule, file, [...path, 'rules', index]);
  for (const [name, source] of Object.entries(response.outputs)) checkMapping(source, file, [...path, 'outputs', name]);
  const { rows } = response;
  if (response.split_when !== undefined) checkMapping(response.split_when, file, [...path, 'split_when']);
  if (!rows) return;
  checkTemplate(rows.id, names, file, [...path, 'rows', 'id']);
  for (const key of ['delivered', 'rejected'] as const) {
    const source = rows[key];
    if (source !== undefined) checkMapping(source, file, [...path, 'rows', key]);
  }
}

function checkRule(rule: ActionRule, file: FileProblems, path: Path): void {
  checkMapping(rule.when, file, [...path, 'when']);
  if (rule.because !== undefined)
    checkTemplate(rule.because, new Names().with(REPLY_NAMES), file, [...path, 'because']);
  if (rule.for === undefined || rule.then === 'wait' || rule.then === 'retry') return;
  file.add(
    [...path, 'for'],
    { code: 'RIVER_CONFLICT', message: `for goes with wait and retry, not with ${rule.then}`, hint: 'Take it out.' },
    { at: 'key' },
  );
}

function rulePlan(rule: ActionRule): RulePlan {
  return { when: rule.when, then: rule.then, because: rule.because ?? null, forMs: rule.for ?? null };
}
