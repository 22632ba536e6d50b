/** Rows in batches that are refused, halved and sent again: each row has all its tries, and its own reason. */
import type { Value } from '../../../src/core/values.ts';
import { action, batchUpdate } from '../../helpers/plans.ts';
import { httpServer, json, readAll } from '../http/fixture.ts';
import { openSending, type Sending } from './sending.ts';

const LOOP = { runId: 'run-1', path: 'each' };
const rowsOf = (count: number): Value[][] => Array.from({ length: count }, (_, index) => [String(index + 1), {}]);

/** Ids of the rows that the request names → status and body. */
type Answer = (ids: string[], request: number) => [status: number, body: unknown];
const taken = (ids: string[]): ReturnType<Answer> => [200, { results: ids.map((id) => ({ id })) }];

function serve(answer: Answer) {
  let requests = 0;
  return httpServer(async (message, response) => {
    const { inputs } = JSON.parse(await readAll(message)) as { inputs: { id: string }[] };
    const [status, body] = answer(
      inputs.map(({ id }) => id),
      ++requests,
    );
    if (status === 503) response.setHeader('retry-after', '1');
    json(response, status, body);
  });
}

describe('a batch', () => {
  let sending: Sending;
  beforeEach(async () => {
    sending = await openSending();
  });
  afterEach(() => sending[Symbol.asyncDispose]());

  test('halvings cost no row its tries: among failures that pass, the bad rows alone do not get through', async () => {
    const bad = new Set(Array.from({ length: 20 }, (_, index) => String(19 * (index + 1))));
    await using api = await serve((ids, request) => {
      if (request % 4 === 0) return [500, {}];
      const refused = ids.filter((id) => bad.has(id));
      return refused.length > 0 ? [400, { message: `no deal ${refused}` }] : taken(ids);
    });
    const retry = { attempts: 3, initialMs: 1, maxMs: 2 };
    const actions = [action({ retry, batch: { rows: 100, bytes: 1_000_000 }, requests: [batchUpdate()] })];
    const { result } = await sending.send(rowsOf(400), { url: api.url, actions, maxInFlight: 1 });
    expect(result.rows).toMatchObject({ delivered: 380, rejected: 20 });
    for (const { row, code, message } of await sending.store.readRecords(LOOP, {})) {
      expect(code).toBe('HTTP_400');
      expect(message).toContain(`no deal ${row + 1}`);
    }
  });

  test('rows that ride with one that was tried before have all their tries', async () => {
    const seen = new Map<string, number>();
    await using api = await serve((ids) => {
      const [first = ''] = ids;
      const asked = (seen.get(ids.join()) ?? 0) + 1;
      seen.set(ids.join(), asked);
      // Row 1 is taken in no company that it had before, and fails alone; its next company fails once.
      if (ids.length === 1 || (first === '1' && ids.includes('19') && asked === 1)) return [503, {}];
      return taken(first === '1' && ids.includes('2') ? ids.slice(1) : ids);
    });
    const retry = { attempts: 2, initialMs: 1, maxMs: 1 };
    const update = { ...batchUpdate(), idempotent: true };
    const actions = [action({ retry, batch: { rows: 10, bytes: 1_000_000 }, requests: [update] })];
    const { result } = await sending.send(rowsOf(21), { url: api.url, actions, maxInFlight: 1, segmentMs: 100 });
    expect(result.rows).toMatchObject({ delivered: 21 });
  });
});
