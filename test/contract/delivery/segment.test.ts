/** Whatever rows and answers come: each row ends in one outcome, the counts add up, and none says more than is true. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import fc from 'fast-check';
import { COUNTED } from '../../../src/core/outcomes.ts';
import type { Value } from '../../../src/core/values.ts';
import { outcomeOf } from '../../../src/core/outcomes.ts';
import { action, request } from '../../helpers/plans.ts';
import { openSending, type Sending } from './sending.ts';

/** What the server does to a request for a row: a status, or a connection cut before or after the row was applied. */
type Answer = 200 | 201 | 204 | 302 | 400 | 404 | 409 | 423 | 500 | 503 | 'cut_before' | 'cut_after' | 'not_json';
const ANSWERS: Answer[] = [200, 201, 204, 302, 400, 404, 409, 423, 500, 503, 'cut_before', 'cut_after', 'not_json'];
const SUCCESS: ReadonlySet<Answer> = new Set<Answer>([200, 201, 204, 'not_json']);

interface Seen {
  received: number;
  /** Answered so that the row counts as taken. */
  taken: number;
}

/** However bad it was: an API that fails on every row is held to be away, and what is away comes back some day. */
const BACK_AFTER = 12;

function answerAt(script: readonly Answer[], index: number): Answer {
  return index >= BACK_AFTER ? 200 : (script[Math.min(index, script.length - 1)] as Answer);
}

/** Answers each row by its own script; the script's last answer repeats for a while. */
class ScriptedApi {
  readonly seen = new Map<string, Seen>();
  readonly #server: Server;
  readonly #scripts: ReadonlyMap<string, Answer[]>;

  constructor(scripts: ReadonlyMap<string, Answer[]>) {
    this.#scripts = scripts;
    this.#server = createServer((incoming, response) => this.#answer(incoming, response));
  }

  answersTo(id: string): Answer[] {
    const script = this.#scripts.get(id) ?? [200];
    const { received } = this.seen.get(id) ?? { received: 0 };
    return Array.from({ length: received }, (_, index) => answerAt(script, index));
  }

  async start(): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(0, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #answer(incoming: IncomingMessage, response: ServerResponse): void {
    const id = decodeURIComponent((incoming.url ?? '').split('/').at(-1) ?? '');
    const seen = this.seen.get(id) ?? { received: 0, taken: 0 };
    this.seen.set(id, seen);
    const script = this.#scripts.get(id) ?? [200];
    const answer = answerAt(script, seen.received);
    seen.received++;
    incoming.resume();
    incoming.on('end', () => {
      if (answer === 'cut_before' || answer === 'cut_after') return void incoming.socket.destroy();
      if (SUCCESS.has(answer)) seen.taken++;
      response.writeHead(typeof answer === 'number' ? answer : 200, { 'content-type': 'application/json' });
      response.end(answer === 'not_json' ? '{"id":' : answer === 204 ? undefined : '{}');
    });
  }
}

/** After these a request that is not safe to repeat must not be sent again. */
function mayBeApplied(answer: Answer): boolean {
  return answer === 500 || answer === 'cut_before' || answer === 'cut_after' || SUCCESS.has(answer);
}

/** Ids that one row alone has. */
function soleIds(rows: Value[][]): string[] {
  const ids = rows.map(([id]) => id).filter((id): id is string => typeof id === 'string');
  return ids.filter((id) => ids.indexOf(id) === ids.lastIndexOf(id));
}

const idOf = fc.oneof(
  fc.integer({ min: 1, max: 99 }).map(String),
  fc.string({ minLength: 1, maxLength: 8 }),
  fc.constant('..'),
  fc.constant(null),
);
const properties: fc.Arbitrary<Value> = fc.dictionary(
  fc.string({ maxLength: 5 }),
  fc.oneof(fc.string(), fc.integer(), fc.boolean(), fc.constant(null)),
);
const rowsOf = fc.array(fc.tuple(idOf, properties), { minLength: 0, maxLength: 25 });
const scriptsOf = fc.array(fc.array(fc.constantFrom(...ANSWERS), { minLength: 1, maxLength: 5 }), {
  minLength: 1,
  maxLength: 8,
});

describe('a stretch of a loop', () => {
  let sending: Sending;
  beforeAll(async () => {
    sending = await openSending();
  });
  afterAll(() => sending[Symbol.asyncDispose]());

  test.each([true, false])('idempotent: %s', async (idempotent) => {
    const retry = { attempts: 3, initialMs: 1, maxMs: 2 };
    await fc.assert(
      fc.asyncProperty(rowsOf, scriptsOf, fc.constantFrom(1, 3, 20), async (rows, scripts, maxInFlight) => {
        const ids = [...new Set(rows.map(([id]) => id).filter((id) => id !== null))];
        const api = new ScriptedApi(new Map(ids.map((id, index) => [id, scripts[index % scripts.length] as Answer[]])));
        const url = await api.start();
        try {
          const actions = [action({ retry, requests: [request({ idempotent })] })];
          const { runId, result } = await sending.send(rows, { url, actions, maxInFlight });
          expect(result).toMatchObject({ nextChunk: null, park: null, stop: null });
          expect(result.rows.read).toBe(rows.length);
          expect(COUNTED.reduce((sum, name) => sum + result.rows[name], 0)).toBe(rows.length);
          expect(result.rows.not_attempted).toBe(0);
          expect(result.requests).toBe([...api.seen.values()].reduce((sum, { received }) => sum + received, 0));
          await checkRows(runId, rows, { api, idempotent });
        } finally {
          await api.stop();
        }
      }),
      // Its last failure is the tenth in a row.
      {
        numRuns: 60,
        examples: [[['1', '2', '3', '4', '5'].map((id): [string, Value] => [id, {}]), [[503, 'cut_before', 200]], 1]],
      },
    );
  });

  async function checkRows(
    runId: string,
    rows: Value[][],
    { api, idempotent }: { api: ScriptedApi; idempotent: boolean },
  ): Promise<void> {
    if (rows.length === 0) return;
    const { store } = sending;
    const key = { runId, path: 'each' };
    const outcomes = [...(await store.readStates(key, 0))].map(outcomeOf);
    const records = new Map((await store.readRecords(key, {})).map((record) => [record.row, record]));
    const delivered = new Map<string, number>();
    for (const [row, outcome] of outcomes.entries()) {
      const id = rows[row]?.[0] as string | null;
      // Whatever did not get through says why.
      if (outcome !== 'delivered')
        expect(records.get(row)).toMatchObject({ outcome, message: expect.stringMatching(/./) });
      if (id === null || id === '..') expect(outcome).toBe('rejected');
      if (outcome === 'delivered') delivered.set(id as string, (delivered.get(id as string) ?? 0) + 1);
    }
    // Never more delivered than the API took.
    for (const [id, { taken }] of api.seen) expect(delivered.get(id) ?? 0).toBeLessThanOrEqual(taken);
    for (const [id, count] of delivered) expect(api.seen.get(id)?.taken).toBe(count);
    if (!idempotent)
      for (const id of soleIds(rows)) expect(api.answersTo(id).slice(0, -1).filter(mayBeApplied)).toEqual([]);
  }
});
