/** Many deals in one request, and every way in which HubSpot tells of the bad ones. */
import { type BadRecords, type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { ask, batchUpdate, DEALS } from './ask.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({
    deals: 200,
    limits: null,
    properties: [{ name: 'external_id', type: 'string', hasUniqueValue: true }],
  });
});
afterEach(() => sandbox.stop());

const row = (id: string | number, amount: unknown = '1') => ({ id, properties: { amount } });
const hundred = Array.from({ length: 100 }, (_, i) => row(String(i + 1)));

test('a hundred good records are one 200, each written once', async () => {
  const { status, body } = await batchUpdate(sandbox, hundred);
  expect(status).toBe(200);
  expect(body.status).toBe('COMPLETE');
  expect(body.results.map((result) => result.id)).toEqual(hundred.map((input) => input.id));
  expect(body.errors).toBeUndefined();
  expect(sandbox.state().deals).toMatchObject({ received: 100, applied: 100, lost: 0 });
});

test('ids may come as numbers and go back as text', async () => {
  expect((await batchUpdate(sandbox, [row(7)])).body.results[0]?.id).toBe('7');
});

test.each([
  ['over a hundred inputs', [...hundred, row('101')], 'maximum number of inputs supported in a batch is 100'],
  ['no inputs', [], 'no inputs'],
  ['an input without id', [{ properties: { amount: '1' } }], '[id]'],
  ['an input that is none', ['7'], '[inputs]'],
  ['the same id twice', [row('1'), row('2'), row('1')], 'Duplicate IDs found in batch input: [1]. IDs must be unique'],
  ['an id property that is not unique', [{ ...row('1'), idProperty: 'dealname' }], 'non-unique 0-3 property dealname'],
])('%s: 400 for the whole, nothing written', async (_name, inputs, message) => {
  const { status, body } = await batchUpdate(sandbox, inputs);
  expect(status).toBe(400);
  expect(body.category).toBe('VALIDATION_ERROR');
  expect(body.message).toContain(message);
  expect(sandbox.state().deals.applied).toBe(0);
});

describe('with an unknown and an invalid record among ten', () => {
  const inputs = [...hundred.slice(0, 4), row('no-such-deal'), ...hundred.slice(4, 8), row('9', 'much')];
  const good = ['1', '2', '3', '4', '5', '6', '7', '8'];
  const send = (badRecords: BadRecords) => {
    sandbox.set({ badRecords });
    return batchUpdate(sandbox, inputs);
  };

  test('whole-400 names no record and writes none', async () => {
    const { status, body } = await send('whole-400');
    expect(status).toBe(400);
    expect(body.category).toBe('VALIDATION_ERROR');
    expect(JSON.stringify(body)).not.toContain('no-such-deal');
    expect(sandbox.state().deals).toMatchObject({ received: 10, applied: 0 });
  });

  test('207-ids names each bad record with its reason', async () => {
    const { status, body } = await send('207-ids');
    expect(status).toBe(207);
    expect(body.results.map((result) => result.id)).toEqual(good);
    expect(body.numErrors).toBe(2);
    expect(body.errors.map(({ category, context }) => [category, context.ids])).toEqual([
      ['OBJECT_NOT_FOUND', ['no-such-deal']],
      ['VALIDATION_ERROR', ['9']],
    ]);
    expect(body.errors[1]?.message).toContain('much was not a valid number');
    expect(sandbox.state().deals.applied).toBe(8);
  });

  test('207-blank-ids tells the reasons, not whose they are', async () => {
    const { status, body } = await send('207-blank-ids');
    expect(status).toBe(207);
    expect(body.results.map((result) => result.id)).toEqual(good);
    expect(body.errors.map((error) => error.context.ids)).toEqual([[''], ['']]);
  });

  test('207-missing leaves the bad ones out without a word', async () => {
    const { status, body } = await send('207-missing');
    expect(status).toBe(207);
    expect(body.results.map((result) => result.id)).toEqual(good);
    expect(body.errors).toEqual([]);
  });

  test('200-missing looks like success, in another order', async () => {
    const { status, body } = await send('200-missing');
    expect(status).toBe(200);
    const ids = body.results.map((result) => result.id);
    expect(ids).not.toEqual(good);
    expect([...ids].sort()).toEqual(good);
    expect(body.errors).toBeUndefined();
    expect(sandbox.state().deals.applied).toBe(8);
  });
});

test('trace ids come back with results and errors', async () => {
  const { body } = await batchUpdate(sandbox, [
    { ...row('1'), objectWriteTraceId: 'a' },
    { ...row('x'), objectWriteTraceId: 'b' },
  ]);
  expect(body.results[0]?.objectWriteTraceId).toBe('a');
  expect(body.errors[0]?.context).toEqual({ ids: ['x'], objectWriteTraceId: ['b'] });
});

test('read gives what it finds and names the rest in one error', async () => {
  const ask2 = (inputs: unknown[]) =>
    ask(sandbox, `POST ${DEALS}/batch/read`, { body: { inputs, properties: ['dealname'] } });
  const all = await ask2([{ id: '1' }, { id: '2' }]);
  expect(all.status).toBe(200);
  expect(all.body.results.map((result) => result.properties.dealname)).toEqual(['Deal 1', 'Deal 2']);
  const some = await ask2([{ id: '1' }, { id: 'x' }, { id: 'y' }]);
  expect(some.status).toBe(207);
  expect(some.body.errors[0]?.context.ids).toEqual(['x', 'y']);
  expect(sandbox.state().deals.received).toBe(0);
});

test('create makes each of them, upsert only those that are not there', async () => {
  const create = { inputs: [{ properties: { dealname: 'a', external_id: 'A' } }, { properties: { dealname: 'b' } }] };
  const created = await ask(sandbox, `POST ${DEALS}/batch/create`, { body: create });
  expect(created.status).toBe(201);
  expect(created.body.results.map((result) => result.id)).toEqual(['201', '202']);
  const upsert = {
    inputs: ['A', 'B'].map((id) => ({ id, idProperty: 'external_id', properties: { amount: '4' } })),
  };
  const upserted = await ask(sandbox, `POST ${DEALS}/batch/upsert`, { body: upsert });
  expect(upserted.status).toBe(200);
  expect(upserted.body.results.map((result) => [result.id, result.new])).toEqual([
    ['201', false],
    ['203', true],
  ]);
  expect(sandbox.deal('203').properties).toEqual({ external_id: 'B', amount: '4' });
});
