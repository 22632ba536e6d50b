/** HubSpot's own Node client, unmodified, works against the practice HubSpot. */
import { Client } from '@hubspot/api-client';
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';

let sandbox: Sandbox;
let hubspot: Client;
beforeEach(async () => {
  sandbox = await startSandbox({ deals: 120 });
  hubspot = new Client({ accessToken: 'practice', basePath: sandbox.url });
});
afterEach(() => sandbox.stop());

const inputs = (ids: string[]) => ids.map((id) => ({ id, properties: { amount: id } }));

test('update and get a deal', async () => {
  const updated = await hubspot.crm.deals.basicApi.update('5', { properties: { dealname: 'Acme', amount: '10' } });
  expect(updated.id).toBe('5');
  expect(updated.updatedAt).toBeInstanceOf(Date);
  const read = await hubspot.crm.deals.basicApi.getById('5', ['dealname', 'amount', 'closedate']);
  expect(read.properties).toMatchObject({ dealname: 'Acme', amount: '10', closedate: null });
  expect(read.createdAt).toBeInstanceOf(Date);
});

test('create, archive, and the deal is gone', async () => {
  const { id } = await hubspot.crm.deals.basicApi.create({ properties: { dealname: 'New' } });
  expect(id).toBe('121');
  await hubspot.crm.deals.basicApi.archive(id);
  await expect(hubspot.crm.deals.basicApi.getById(id)).rejects.toMatchObject({ code: 404 });
});

test('getAll walks the pages', async () => {
  const all = await hubspot.crm.deals.getAll(50);
  expect(all.map((deal) => deal.id)).toEqual(Array.from({ length: 120 }, (_, i) => String(i + 1)));
});

test('batch update and batch read', async () => {
  const done = await hubspot.crm.deals.batchApi.update({ inputs: inputs(['1', '2', '3']) });
  expect(done.status).toBe('COMPLETE');
  expect(done.results.map((deal) => deal.properties.amount)).toEqual(['1', '2', '3']);
  const read = await hubspot.crm.deals.batchApi.read({
    inputs: [{ id: '2' }, { id: '3' }],
    properties: ['amount'],
    propertiesWithHistory: [],
  });
  expect(read.results.map((deal) => deal.properties.amount)).toEqual(['2', '3']);
});

test('a batch with a bad record comes back with its errors', async () => {
  const done = await hubspot.crm.deals.batchApi.update({ inputs: inputs(['1', 'unknown']) });
  expect(done).toMatchObject({
    numErrors: 1,
    errors: [{ category: 'OBJECT_NOT_FOUND', context: { ids: ['unknown'] } }],
  });
  expect(done.results).toHaveLength(1);
});

test('errors carry status and HubSpot’s body', async () => {
  const notFound = hubspot.crm.deals.basicApi.update('999', { properties: { amount: '1' } });
  await expect(notFound).rejects.toMatchObject({ code: 404, body: { category: 'OBJECT_NOT_FOUND' } });
  const invalid = hubspot.crm.deals.basicApi.update('1', { properties: { nope: '1' } });
  await expect(invalid).rejects.toMatchObject({ code: 400, body: { errors: [{ code: 'PROPERTY_DOESNT_EXIST' }] } });
  hubspot.setAccessToken('');
  await expect(hubspot.crm.deals.basicApi.getById('1')).rejects.toMatchObject({ code: 401 });
});

test('search, properties, and a property of one’s own', async () => {
  await hubspot.crm.deals.basicApi.update('7', { properties: { amount: '77' } });
  const filters = [{ propertyName: 'amount', operator: 'EQ' as never, value: '77' }];
  const found = await hubspot.crm.deals.searchApi.doSearch({ filterGroups: [{ filters }], limit: 10 });
  expect(found.results.map((deal) => deal.id)).toEqual(['7']);
  await hubspot.crm.properties.coreApi.create('deals', {
    name: 'score',
    label: 'Score',
    type: 'number',
    fieldType: 'number',
    groupName: 'dealinformation',
  } as never);
  const { results } = await hubspot.crm.properties.coreApi.getAll('deals');
  expect(results.find((property) => property.name === 'score')).toMatchObject({
    type: 'number',
    hasUniqueValue: false,
  });
  await hubspot.crm.deals.basicApi.update('7', { properties: { score: '3' } });
  expect(sandbox.deal('7').properties.score).toBe('3');
});

test('its limiter keeps within the window; without it there are 429s', async () => {
  const update14 = (client: Client) => {
    const update = (_: unknown, i: number) =>
      client.crm.deals.basicApi.update(`${i + 1}`, { properties: { amount: '1' } });
    return Promise.allSettled(Array.from({ length: 14 }, update));
  };
  sandbox.set({ limits: { requests: 10, perMs: 60_000 } });
  const free = await update14(hubspot);
  const refused = free.filter((each) => each.status === 'rejected').map((each) => each.reason.code);
  expect(refused).toEqual([429, 429, 429, 429]);
  // One at a time and 20 ms apart: eleven never start within 100 ms, however slow the machine.
  sandbox.set({ limits: { requests: 10, perMs: 100 } });
  const limiterOptions = { maxConcurrent: 1, minTime: 20 };
  await update14(new Client({ accessToken: 'practice', basePath: sandbox.url, limiterOptions }));
  expect(sandbox.state().limits).toMatchObject({ limited: 0, over: 0, acceptedToday: 14 });
});

test('its retries get over a 500', async () => {
  sandbox.set({ faults: { script: [{ fault: '500', times: 1 }] } });
  const { error } = console;
  console.error = () => {};
  const patient = new Client({ accessToken: 'practice', basePath: sandbox.url, numberOfApiCallRetries: 2 });
  await patient.crm.deals.basicApi.update('1', { properties: { amount: '1' } }).finally(() => {
    console.error = error;
  });
  expect(sandbox.state().byStatus).toEqual({ 200: 1, 500: 1 });
});
