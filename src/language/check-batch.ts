/** What holds for batches only: `$each`, row verdicts, and how much the API takes at once. */
import type { ActionPlan, Json, RequestPlan } from '../contracts/plan.ts';
import { refsOf } from '../core/templates.ts';
import type { Preset } from './presets.ts';
import type { FileProblems } from './problems.ts';
import type { Path } from './source.ts';

export function checkBatch(action: ActionPlan, file: FileProblems, preset: Preset | null): void {
  const [request, ...others] = action.requests;
  if (!request) return;
  if (others.length > 0) {
    file.add(
      ['batch'],
      {
        code: 'RIVER_BATCH',
        message: 'an action of several steps cannot be a batch',
        hint: 'Take batch out, or make it one request.',
      },
      { at: 'key' },
    );
    return;
  }
  checkEach(request, file);
  checkPerRow(action, request, file);
  checkSize(action, request, file, preset);
}

/** Outside of a batch nothing may speak of its rows. */
export function checkEachAbsent(action: ActionPlan, file: FileProblems): void {
  for (const [index, request] of action.requests.entries()) {
    const path: Path = request.id === 'request' ? [] : ['steps', index];
    const hint = 'Add batch: { rows: 100 }, or take this out.';
    for (const each of eachesIn(bodyOf(request))) {
      file.add(
        [...path, 'request', 'body', ...each],
        { code: 'RIVER_BATCH', message: '$each is for batches', hint },
        { at: 'key' },
      );
    }
    if (request.rows)
      file.add(
        [...path, 'response', 'rows'],
        { code: 'RIVER_BATCH', message: 'response.rows is for batches', hint },
        { at: 'key' },
      );
    if (request.splitWhen !== null) {
      file.add(
        [...path, 'response', 'split_when'],
        { code: 'RIVER_BATCH', message: 'split_when is for batches', hint },
        { at: 'key' },
      );
    }
  }
}

function checkEach(request: RequestPlan, file: FileProblems): void {
  const eaches = eachesIn(bodyOf(request));
  if (eaches.length === 1) return;
  const path = eaches[1] ?? [];
  file.add(['request', 'body', ...path], {
    code: 'RIVER_BATCH',
    message:
      eaches.length === 0
        ? 'the body of a batch does not say where its rows go'
        : '$each stands in the body more than once',
    hint: "Write the list of rows once: body: { inputs: { $each: { id: '{id}' } } }.",
  });
}

/** Outside $each a reference to an input would mean one row's value for all. */
function checkPerRow(action: ActionPlan, request: RequestPlan, file: FileProblems): void {
  const shared: [Path, Json][] = [
    [['request', request.target.kind], request.target.kind === 'path' ? request.target.path : request.target.url],
    [['request', 'query'], request.query],
    [['request', 'headers'], request.headers],
    [['request', 'body'], withoutEach(bodyOf(request))],
  ];
  for (const [path, value] of shared) {
    for (const name of inputsIn(value, action)) {
      file.add(path, {
        code: 'RIVER_BATCH',
        message: `{${name}} differs from row to row and stands outside $each`,
        hint: 'One request carries many rows: refer to inputs inside $each only.',
      });
    }
  }
}

function inputsIn(value: Json, action: ActionPlan): string[] {
  try {
    return refsOf(value).flatMap(({ path: [name = ''] }) =>
      Object.hasOwn(action.inputs, name) || name === 'row' ? [name] : [],
    );
  } catch {
    return []; // a bad template was said already
  }
}

function checkSize(action: ActionPlan, request: RequestPlan, file: FileProblems, preset: Preset | null): void {
  const path = request.target.kind === 'path' ? request.target.path : request.target.url;
  const limit = preset?.maxBatch;
  if (!limit || !action.batch || action.batch.rows <= limit.rows || !limit.path.test(path)) return;
  file.add(['batch', 'rows'], {
    code: 'RIVER_BATCH_TOO_LARGE',
    message: `the API takes ${limit.rows} rows in one request, not ${action.batch.rows}`,
    hint: `Write rows: ${limit.rows}.`,
  });
}

function bodyOf(request: RequestPlan): Json {
  return request.body?.kind === 'json' ? request.body.value : null;
}

function eachesIn(value: Json, path: Path = []): Path[] {
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, item]) => {
    const at = [...path, Array.isArray(value) ? Number(key) : key];
    return key === '$each' ? [at] : eachesIn(item, at);
  });
}

function withoutEach(value: Json): Json {
  if (typeof value !== 'object' || value === null) return value;
  if (Array.isArray(value)) return value.map(withoutEach);
  const kept = Object.entries(value).filter(([key]) => key !== '$each');
  return Object.fromEntries(kept.map(([key, item]) => [key, withoutEach(item)]));
}
