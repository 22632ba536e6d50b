/** Rows that the API never takes end `failed` and stop nobody; an API that is away costs no row. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionPlan, ActionStep } from '../../../src/contracts/plan.ts';
import type { Value } from '../../../src/core/values.ts';
import { settleInDoubt } from '../../../src/delivery/finish.ts';
import { outcomeOf } from '../../../src/core/outcomes.ts';
import { action, loop, request } from '../../helpers/plans.ts';
import { openSending, type Sending, type Sent } from './sending.ts';

const RETRY = { attempts: 3, initialMs: 1, maxMs: 3 };
const BODY = { inputs: { $each: { id: '{deal_id}', properties: '{properties}' } } };
const BATCH = action({
  retry: RETRY,
  batch: { rows: 10, bytes: 1_000_000 },
  requests: [
    request({
      method: 'POST',
      target: { kind: 'path', path: '/batch' },
      body: { kind: 'json', value: BODY },
      rows: { id: '{deal_id}', delivered: null, rejected: null },
    }),
  ],
});

const look = request({ id: 'look', method: 'GET', body: null });

/** Answers by what it is told of the rows that a request names. */
class Api {
  /** While true, whatever comes is answered 503. */
  away = false;
  /** It goes away once it has taken so many rows. */
  awayAfter = Number.POSITIVE_INFINITY;
  /** Refused with 403, also while it is away. */
  forbids: string | null = null;
  readonly received = new Map<string, number>();
  readonly order: string[] = [];
  requests = 0;
  readonly #poison: ReadonlySet<string>;
  readonly #server: Server;

  constructor(poison: readonly (number | string)[] = []) {
    this.#poison = new Set(poison.map(String));
    this.#server = createServer(async (incoming, response) => {
      const chunks: Buffer[] = [];
      for await (const chunk of incoming) chunks.push(chunk as Buffer);
      response.writeHead(this.#status(idsOf(incoming.url ?? '', Buffer.concat(chunks).toString())));
      response.end('{}');
    });
  }

  async start(port = 0): Promise<string> {
    await new Promise<void>((resolve) => this.#server.listen(port, '127.0.0.1', resolve));
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** From now on connections are refused. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#server.listening) await this.stop();
  }

  #status(ids: string[]): number {
    this.requests++;
    for (const id of ids) this.received.set(id, (this.received.get(id) ?? 0) + 1);
    if (ids[0] === 'note') return 200;
    if (this.forbids !== null && ids.includes(this.forbids)) return 403;
    if (this.order.length >= this.awayAfter) this.away = true;
    if (this.away) return 503;
    if (ids.some((id) => this.#poison.has(id))) return 500;
    this.order.push(...ids);
    return 200;
  }
}

function idsOf(url: string, body: string): string[] {
  if (url === '/batch') return (JSON.parse(body) as { inputs: { id: string }[] }).inputs.map(({ id }) => id);
  return [url.split('/').at(-1) ?? ''];
}

function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

const rowsOf = (count: number): Value[][] => range(1, count).map((id) => [String(id), {}]);

describe('an API that fails', () => {
  let sending: Sending;
  beforeAll(async () => {
    sending = await openSending();
  });
  afterAll(() => sending[Symbol.asyncDispose]());

  const outcomes = async ({ runId }: Sent) =>
    [...(await sending.store.readStates({ runId, path: 'each' }, 0))].map(outcomeOf);

  const givenUp = async ({ runId }: Sent) => {
    const loop = { runId, path: 'each' };
    await settleInDoubt(loop, sending.store, (ms) => sleep(ms));
    return (await sending.store.countLoop(loop)).rows;
  };

  test.each<[string, number[], number]>([
    ['at the end', range(497, 500), 20],
    ['at the beginning, as many as are in flight', range(1, 20), 20],
    ['far more than are in flight', range(201, 260), 20],
    ['here and there', range(1, 25).map((n) => 20 * n), 20],
    ['two, one after the other', [1, 2], 1],
    ['four in a row, one after the other', range(7, 10), 1],
  ])('on some rows for ever: they fail, the others are delivered: %s', async (_where, poison, maxInFlight) => {
    await using api = new Api(poison);
    const url = await api.start();
    const sent = await sending.send(rowsOf(500), { url, actions: [action({ retry: RETRY })], maxInFlight });
    expect(sent.result).toMatchObject({ nextChunk: null, stop: null, park: null });
    expect(sent.result.rows).toMatchObject({ delivered: 500 - poison.length, failed: poison.length });
    const failed = (await outcomes(sent)).flatMap((outcome, row) => (outcome === 'failed' ? row + 1 : []));
    expect(failed).toEqual(poison);
    for (const id of poison) expect(api.received.get(String(id))).toBeGreaterThanOrEqual(RETRY.attempts);
  });

  test.each([1, 4, 20])('on some batches for ever: %s in flight', async (maxInFlight) => {
    await using api = new Api([33, 470]);
    const url = await api.start();
    const sent = await sending.send(rowsOf(500), { url, actions: [BATCH], maxInFlight });
    expect(sent.result.rows).toMatchObject({ delivered: 480, failed: 20 });
  });

  test.each([1, 4])(
    'on the last batches, all of them of one name: each row fails: %s in flight',
    async (maxInFlight) => {
      await using api = new Api([3]);
      const url = await api.start();
      const rows = [...rowsOf(3), ['3', {}], ['3', {}]];
      const sent = await sending.send(rows, { url, actions: [BATCH], maxInFlight });
      expect(sent.result).toMatchObject({ park: null, rows: { delivered: 0, failed: 5 } });
    },
  );

  test('on all batches for a time, when only one name is left: none is lost', async () => {
    await using api = new Api();
    const url = await api.start();
    await api.stop();
    let parks = 0;
    const onPark = async () => {
      if (++parks === 3) await api.start(Number(new URL(url).port));
    };
    const sent = await sending.send([...rowsOf(1), ...rowsOf(1)], { url, actions: [BATCH], maxInFlight: 4, onPark });
    expect(sent.parks).toBe(3);
    expect(sent.result.rows).toMatchObject({ delivered: 2 });
  });

  test.each<[string, number, number]>([
    ['many rows', 300, 20],
    ['many rows, one after the other', 300, 1],
    ['as many rows as make an outage', 5, 20],
  ])('on all rows for a time: none is lost, and it is asked little: %s', async (_what, count, maxInFlight) => {
    await using api = new Api();
    const url = await api.start();
    api.away = true;
    let parks = 0;
    const onPark = () => {
      if (++parks === 8) api.away = false;
    };
    const sent = await sending.send(rowsOf(count), { url, actions: [action({ retry: RETRY })], maxInFlight, onPark });
    expect(sent.result.rows).toMatchObject({ delivered: count });
    expect(sent.parks).toBe(8);
    expect(api.requests - count).toBeLessThanOrEqual(2 * maxInFlight + 30 + 7 * 3 * RETRY.attempts);
    if (maxInFlight === 1) expect(api.order).toEqual(rowsOf(count).map(([id]) => id));
  });

  test('on some rows for ever, and on all for a time', async () => {
    await using api = new Api([1, 2, 3, 4, 5, 250]);
    const url = await api.start();
    api.awayAfter = 200;
    let parks = 0;
    const onPark = () => {
      if (++parks < 6) return;
      api.away = false;
      api.awayAfter = Number.POSITIVE_INFINITY;
    };
    const sent = await sending.send(rowsOf(500), { url, actions: [action({ retry: RETRY })], maxInFlight: 20, onPark });
    expect(sent.result.rows).toMatchObject({ delivered: 494, failed: 6 });
  });

  test.each([1, 20])('on the last rows, when it is known to be away: they wait: %s in flight', async (maxInFlight) => {
    await using api = new Api();
    const url = await api.start();
    await api.stop();
    let parks = 0;
    // First nobody is there, then a proxy says so, then it is back.
    const onPark = async () => {
      parks++;
      if (parks === 2) {
        api.away = true;
        await api.start(Number(new URL(url).port));
      }
      if (parks === 2 + 2 * RETRY.attempts) api.away = false;
    };
    const sent = await sending.send(rowsOf(2), { url, actions: [action({ retry: RETRY })], maxInFlight, onPark });
    expect(sent.result.rows).toMatchObject({ delivered: 2 });
    expect(sent.parks).toBe(2 + 2 * RETRY.attempts);
  });

  test('on all rows that are left: it is held to be away, whatever it did before', async () => {
    await using api = new Api(range(491, 500));
    const url = await api.start();
    const how = { url, actions: [action({ retry: RETRY })], maxInFlight: 1, mostParks: 10 };
    const sent = await sending.send(rowsOf(500), how);
    expect(sent.result).toMatchObject({
      park: { reason: 'outage' },
      rows: { delivered: 490, failed: 0, not_attempted: 10 },
    });
    // Given up, whatever was answered 500 may have been applied.
    const asked = range(491, 500).filter((id) => api.received.has(String(id))).length;
    expect(asked).toBeGreaterThan(0);
    expect(await givenUp(sent)).toMatchObject({ delivered: 490, unknown: asked, not_attempted: 10 - asked });
  });

  test('for longer than anyone waits: what was refused as busy was not applied', async () => {
    await using api = new Api();
    const url = await api.start();
    api.away = true;
    const how = { url, actions: [action({ retry: RETRY })], maxInFlight: 1, mostParks: 2 };
    expect(await givenUp(await sending.send(rowsOf(20), how))).toMatchObject({ read: 20, not_attempted: 20 });
  });

  test('until a row stops the loop: what was half done by then is not said to be untouched', async () => {
    await using api = new Api();
    const url = await api.start();
    api.away = true;
    api.forbids = '3';
    const note = request({ id: 'note', method: 'POST', idempotent: false, target: { kind: 'path', path: '/note' } });
    const patient = { attempts: 5, initialMs: 3_600_000, maxMs: 3_600_000 };
    const actions = [action({ retry: patient, requests: [note, request()] })];
    const { result } = await sending.send(rowsOf(30), { url, actions, maxInFlight: 4 });
    expect(result.rows.failed).toBe(1);
    expect(result.rows.unknown).toBe((api.received.get('note') ?? 0) - 1);
    expect(result.rows.unknown).toBeGreaterThan(0);
    expect(result.rows.not_attempted).toBe(29 - result.rows.unknown);
  });

  test('for longer than a stretch of work lasts, one row after the other: it is noticed all the same', async () => {
    await using api = new Api();
    const url = await api.start();
    api.away = true;
    const onPark = () => {
      api.away = false;
    };
    const retry = { attempts: 4, initialMs: 40, maxMs: 40 };
    const how = { url, actions: [action({ retry })], maxInFlight: 1, segmentMs: 30, onPark };
    const { result, parks } = await sending.send(rowsOf(20), how);
    expect(result.rows).toMatchObject({ delivered: 20 });
    expect(parks).toBe(1);
  });

  test('on requests that must not be repeated: a probe costs one row', async () => {
    await using api = new Api(range(1, 500));
    const url = await api.start();
    const actions = [action({ retry: RETRY, requests: [request({ idempotent: false })] })];
    const { result } = await sending.send(rowsOf(500), { url, actions, maxInFlight: 10, mostParks: 11 });
    // Those in flight when it was noticed, and one for each of the ten probes.
    expect(result.rows.unknown).toBeGreaterThanOrEqual(10 + 10);
    expect(result.rows.unknown).toBeLessThanOrEqual(20 + 10);
    expect(api.requests).toBe(result.rows.unknown);
  });

  test.each<[string, (url: string) => Partial<ActionPlan>]>([
    ['by its own connection', () => ({ connection: 'other', requests: [look] })],
    ['by its own URL', (url) => ({ requests: [{ ...look, target: { kind: 'url', url: `${url}/deals/{deal_id}` } }] })],
  ])('while another one, that each row asks first, is well: none is lost: %s', async (_by, toTheWell) => {
    await using api = new Api();
    await using well = new Api();
    const how = { url: await api.start(), others: { other: await well.start() } };
    api.away = true;
    const onPark = () => {
      if (++parks === 8) api.away = false;
    };
    let parks = 0;
    const first = action({ ...toTheWell(how.others.other), name: 'look' });
    const actions = [first, action({ retry: RETRY })];
    const [update] = loop().steps as [ActionStep];
    const steps = [{ ...update, id: 'look', action: 'look' }, update];
    const sent = await sending.send(rowsOf(100), { ...how, actions, steps, maxInFlight: 20, onPark });
    expect(sent.result.rows).toMatchObject({ delivered: 100 });
    expect(sent.parks).toBe(8);
    expect(api.requests - 100).toBeLessThanOrEqual(2 * 20 + 30 + 7 * 3 * RETRY.attempts);
  });

  test('at one attempt after the other: the next is told what stopped the loop', async () => {
    await using api = new Api([50]);
    const url = await api.start();
    const rules = [{ when: 'status == 500', then: 'stop', because: null, forMs: null }] as const;
    const how = { url, actions: [action({ requests: [request({ rules: [...rules] })] })], maxInFlight: 1 };
    const { result } = await sending.send(rowsOf(100), how);
    expect(result).toMatchObject({ stop: { reason: 'rule' }, rows: { delivered: 49, failed: 1, not_attempted: 50 } });
    expect(await sending.again()).toEqual(result);
    expect(api.requests).toBe(50);
  });
});
