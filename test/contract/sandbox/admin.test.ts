/** The referee's side: counts, log, reset, seeding, over HTTP and as a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { request } from 'undici';
import {
  type DealReport,
  type LogEntry,
  type Sandbox,
  type SandboxState,
  startSandbox,
} from '../../../src/sandbox/index.ts';
import { ask, batchUpdate, DEALS, update } from './ask.ts';

const MAIN = new URL('../../../src/sandbox/main.ts', import.meta.url).pathname;

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ deals: 5, logSize: 4 });
});
afterEach(() => sandbox.stop());

const get = async <T>(path: string): Promise<T> => JSON.parse((await ask(sandbox, `GET /_sandbox${path}`)).text) as T;
const lines = async (): Promise<DealReport[]> => {
  const { text } = await ask(sandbox, 'GET /_sandbox/deals');
  return text
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as DealReport);
};

test('state counts requests, answers and rows; asking for it counts nothing', async () => {
  await update(sandbox, 1, { amount: '1' });
  await update(sandbox, 1, { nope: '1' });
  await batchUpdate(sandbox, [
    { id: '2', properties: { amount: '1' } },
    { id: 'x', properties: { amount: '1' } },
  ]);
  const state = await get<SandboxState>('/state');
  expect(state).toEqual(sandbox.state());
  expect(state).toMatchObject({
    requests: 3,
    byStatus: { 200: 1, 207: 1, 400: 1 },
    inFlight: 0,
    mostInFlight: 1,
    limits: { limit: 190, mostInWindow: 3, over: 0, limited: 0 },
    deals: { count: 5, received: 4, applied: 2, lost: 0 },
  });
});

test('deals come as a line each, those that never existed too', async () => {
  await update(sandbox, 2, { amount: '1' });
  await update(sandbox, 'a "b"', { amount: '1' });
  const reports = await lines();
  expect(reports.map((report) => report.id)).toEqual(['1', '2', '3', '4', '5', 'a "b"']);
  expect(reports[1]).toEqual({ id: '2', properties: { amount: '1' }, exists: true, received: 1, applied: 1, lost: 0 });
  expect(reports[5]).toEqual({ id: 'a "b"', properties: {}, exists: false, received: 1, applied: 0, lost: 0 });
  expect(await get('/deals/2')).toEqual(reports[1]);
  expect(reports).toEqual([...sandbox.deals()]);
});

test('the log keeps the last requests, bodies and headers, never the token', async () => {
  for (let id = 1; id <= 6; id++) await update(sandbox, id, { amount: String(id) });
  const log = await get<LogEntry[]>('/log');
  expect(log.map((entry) => [entry.number, entry.url, entry.status])).toEqual([
    [3, `${DEALS}/3`, 200],
    [4, `${DEALS}/4`, 200],
    [5, `${DEALS}/5`, 200],
    [6, `${DEALS}/6`, 404],
  ]);
  expect(log[0]).toMatchObject({ method: 'PATCH', body: '{"properties":{"amount":"3"}}', fault: null, latencyMs: 0 });
  expect(log[0]?.headers['content-type']).toBe('application/json');
  expect(JSON.stringify(log)).not.toContain('practice');
  expect((await get<LogEntry[]>('/log?last=1')).map((entry) => entry.number)).toEqual([6]);
});

test('reset forgets what happened and keeps what is there', async () => {
  sandbox.set({ limits: { requests: 2 }, faults: { script: [{ fault: '500', from: 2, to: 2 }] } });
  await update(sandbox, 1, { amount: '9' });
  await update(sandbox, 99, { amount: '9' });
  expect((await ask(sandbox, 'POST /_sandbox/reset')).status).toBe(200);
  expect(sandbox.state()).toMatchObject({ requests: 0, byStatus: {}, deals: { count: 5, received: 0, applied: 0 } });
  expect(sandbox.log()).toEqual([]);
  expect(sandbox.deal('1').properties.amount).toBe('9');
  expect((await lines()).length).toBe(5);
  expect((await update(sandbox, 1, { amount: '8' })).status).toBe(200);
  expect((await update(sandbox, 1, { amount: '8' })).status).toBe(500);
  expect((await update(sandbox, 1, { amount: '8' })).status).toBe(429);
});

test('settings are read and changed one by one', async () => {
  const body = { latency: { minMs: 0, maxMs: 3 }, badRecords: 'whole-400' };
  expect((await ask(sandbox, 'PUT /_sandbox/settings', { body })).status).toBe(200);
  expect(await get('/settings')).toMatchObject({ ...body, limits: { requests: 190, perMs: 10_000 }, down: false });
  const wrong = await ask(sandbox, 'PUT /_sandbox/settings', { body: { badRecords: '418' } });
  expect(wrong.status).toBe(400);
  expect(wrong.text).toContain('badRecords');
  expect((await ask(sandbox, 'PUT /_sandbox/settings', { body: '{' })).status).toBe(400);
  expect(sandbox.settings.badRecords).toBe('whole-400');
});

test('deals can be added by count or one by one; those that are there stay as they are', async () => {
  await update(sandbox, 5, { amount: '5' });
  await ask(sandbox, 'POST /_sandbox/deals', { body: { first: 4, count: 4 } });
  await ask(sandbox, 'POST /_sandbox/deals', { body: { deals: [{ id: 'own', properties: { dealname: 'Mine' } }] } });
  expect((await lines()).map((report) => report.id)).toEqual(['1', '2', '3', '4', '5', '6', '7', 'own']);
  expect(sandbox.deal('5').properties.amount).toBe('5');
  expect((await ask(sandbox, `GET ${DEALS}/own`)).body.properties.dealname).toBe('Mine');
  expect((await ask(sandbox, 'POST /_sandbox/deals', { body: { count: -1 } })).status).toBe(400);
});

test('what is not there is 404', async () => {
  expect((await ask(sandbox, 'GET /_sandbox/elsewhere')).status).toBe(404);
  expect((await ask(sandbox, 'DELETE /_sandbox/state')).status).toBe(404);
});

test('correlation ids are the same for the same seed and request number', async () => {
  const first = (await ask(sandbox, `GET ${DEALS}/none`)).body.correlationId;
  const second = (await ask(sandbox, `GET ${DEALS}/none`)).body.correlationId;
  expect(second).not.toBe(first);
  await using other = await startSandbox();
  expect((await ask(other, `GET ${DEALS}/none`)).body.correlationId).toBe(first);
});

test('as a process: says where it is, takes settings, ends with its parent', async () => {
  const settings = JSON.stringify({ limits: { requests: 1 }, badRecords: '207-missing' });
  const child = spawn(
    process.execPath,
    [MAIN, '--deals', '3', '--first-id', '100', '--settings', settings, '--with-parent'],
    {
      stdio: ['pipe', 'pipe', 'inherit'],
    },
  );
  const exit = once(child, 'exit');
  try {
    const [line] = await once(createInterface(child.stdout), 'line');
    const { url, pid } = JSON.parse(String(line)) as { url: string; pid: number };
    expect(pid).toBe(child.pid);
    const headers = { authorization: 'Bearer t' };
    const statuses: number[] = [];
    for (let i = 0; i < 2; i++) {
      const reply = await request(`${url}${DEALS}/102`, { headers });
      statuses.push(reply.statusCode);
      await reply.body.dump();
    }
    expect(statuses).toEqual([200, 429]);
  } finally {
    child.stdin.end();
  }
  expect(await exit).toEqual([0, null]);
});
