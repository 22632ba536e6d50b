/** The benchmarks' yardstick sends every row once, alone or in batches, and owns up to what was not taken. */
import { plainBatchLoop, plainLoop } from '../../../bench/plain-loop.ts';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({ deals: 250, firstId: 1001, limits: null });
});
afterEach(() => sandbox.stop());

const options = () => ({
  url: sandbox.url,
  rows: 250,
  firstId: 1001,
  concurrency: 7,
  token: 'bench',
  properties: (i: number) => ({ amount: i }),
});

test('one request a row', async () => {
  sandbox.set({ latency: { minMs: 1, maxMs: 3 } });
  const result = await plainLoop(options());
  expect(result).toMatchObject({ requests: 250, bad: 0 });
  expect(sandbox.state().byStatus).toEqual({ 200: 250 });
  expect(sandbox.state().mostInFlight).toBeLessThanOrEqual(7);
  for (const deal of sandbox.deals()) {
    expect(deal).toMatchObject({ applied: 1, properties: { amount: String(Number(deal.id) - 1001) } });
  }
});

test('batches, the last one shorter', async () => {
  const result = await plainBatchLoop({ ...options(), batch: 100 });
  expect(result).toMatchObject({ requests: 3, bad: 0 });
  expect(sandbox.state().deals).toMatchObject({ received: 250, applied: 250 });
  expect(sandbox.deal('1250')).toMatchObject({ applied: 1, properties: { amount: '249' } });
});

test('refused requests are bad', async () => {
  sandbox.set({ limits: { requests: 100 } });
  expect((await plainLoop(options())).bad).toBe(150);
});
