/** Single deals: what is stored, what is refused, and in which words. */
import { type Sandbox, startSandbox } from '../../../src/sandbox/index.ts';
import { ask, DEALS, update } from './ask.ts';

let sandbox: Sandbox;
beforeEach(async () => {
  sandbox = await startSandbox({
    deals: 30,
    properties: [
      { name: 'external_id', type: 'string', hasUniqueValue: true },
      { name: 'is_trial', type: 'bool' },
      { name: 'trial_end', type: 'date' },
    ],
  });
});
afterEach(() => sandbox.stop());

test('an update is stored, counted, and read back', async () => {
  const { status, body } = await update(sandbox, 3, { amount: '12.5', dealname: 'Ärger & Söhne' });
  expect(status).toBe(200);
  expect(body.id).toBe('3');
  expect(body.properties).toMatchObject({ amount: '12.5', dealname: 'Ärger & Söhne', hs_object_id: '3' });
  const read = await ask(sandbox, `GET ${DEALS}/3`);
  expect(read.body.properties).toMatchObject({ amount: '12.5', dealname: 'Ärger & Söhne', pipeline: 'default' });
  expect(sandbox.deal('3')).toMatchObject({ received: 1, applied: 1, lost: 0 });
  expect(sandbox.deal('4')).toMatchObject({ received: 0, applied: 0, lost: 0 });
});

test('the dated paths are the same deals', async () => {
  const body = { properties: { amount: '7' } };
  expect((await ask(sandbox, 'PATCH /crm/objects/2026-03/0-3/5', { body })).status).toBe(200);
  expect((await ask(sandbox, 'PATCH /crm/objects/2025-09/deals/6', { body })).status).toBe(200);
  const inputs = [{ id: '7', properties: { amount: '7' } }];
  expect((await ask(sandbox, 'POST /crm/objects/2026-03/0-3/batch/update', { body: { inputs } })).status).toBe(200);
  expect((await ask(sandbox, 'POST /crm/objects/2026-03/0-3/search', { body: {} })).body.total).toBe(30);
  expect((await ask(sandbox, 'GET /crm/objects/2026-03/0-3?limit=3')).body.results).toHaveLength(3);
  expect((await ask(sandbox, 'GET /crm/properties/2026-03/0-3/amount')).status).toBe(200);
  expect(sandbox.deal('5').properties.amount).toBe('7');
  expect(sandbox.deal('6').properties.amount).toBe('7');
});

test('numbers and booleans become text, digit for digit; empty text and null clear', async () => {
  const text = '{"properties":{"amount":12345678901234567890.10,"is_trial":true,"dealname":"","description":null}}';
  expect((await ask(sandbox, `PATCH ${DEALS}/1`, { body: text })).status).toBe(200);
  expect(sandbox.deal('1').properties).toEqual({
    amount: '12345678901234567890.10',
    is_trial: 'true',
    dealname: null,
    description: null,
  });
});

test('values that cannot be stored are refused together, and nothing is written', async () => {
  const properties = {
    nope: '1',
    amount: 'much',
    hs_object_id: '9',
    dealstage: 'lost',
    is_trial: 'maybe',
    trial_end: 'soon',
  };
  const { status, body } = await update(sandbox, 1, { ...properties, dealname: 'good' });
  expect(status).toBe(400);
  expect(body).toMatchObject({ status: 'error', category: 'VALIDATION_ERROR' });
  expect(body.errors.map((error) => [error.context.propertyName?.[0], error.code])).toEqual([
    ['nope', 'PROPERTY_DOESNT_EXIST'],
    ['amount', 'INVALID_NUMBER'],
    ['hs_object_id', 'READ_ONLY_VALUE'],
    ['dealstage', 'INVALID_OPTION'],
    ['is_trial', 'INVALID_BOOLEAN'],
    ['trial_end', 'INVALID_DATE'],
  ]);
  expect(body.message).toContain('"error":"PROPERTY_DOESNT_EXIST","name":"nope"');
  expect(sandbox.deal('1')).toMatchObject({ properties: {}, received: 1, applied: 0 });
});

test('what is not a deal, or no change of one, is refused', async () => {
  const missing = await update(sandbox, 999, { amount: '1' });
  expect(missing.status).toBe(404);
  expect(missing.body).toMatchObject({ category: 'OBJECT_NOT_FOUND', context: { id: ['999'] } });
  expect(sandbox.deal('999')).toMatchObject({ exists: false, received: 1, applied: 0 });
  expect((await update(sandbox, 1, {})).body.message).toBe(
    'No properties found to update, please provide at least one.',
  );
  expect((await ask(sandbox, `PATCH ${DEALS}/1`, { body: {} })).body.message).toContain('[properties]');
  const malformed = await ask(sandbox, `PATCH ${DEALS}/1`, { body: '{"properties":' });
  expect(malformed.status).toBe(400);
  expect(malformed.body.message).toContain('Invalid input JSON');
  const form = { body: 'amount=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } };
  expect((await ask(sandbox, `PATCH ${DEALS}/1`, form)).status).toBe(415);
  expect((await ask(sandbox, `PATCH ${DEALS}/%E0%A4%A`, { body: { properties: { amount: '1' } } })).status).toBe(404);
  expect((await ask(sandbox, `PUT ${DEALS}/1`, { body: {} })).status).toBe(405);
  expect((await ask(sandbox, 'GET /crm/v3/objects/unheard-of/1')).status).toBe(404);
});

test('a property with unique values names a deal; no two deals may share one', async () => {
  await update(sandbox, 1, { external_id: 'a/b c' });
  const path = `${DEALS}/${encodeURIComponent('a/b c')}`;
  const body = { properties: { amount: '3' } };
  expect((await ask(sandbox, `PATCH ${path}?idProperty=external_id`, { body })).body.id).toBe('1');
  expect((await ask(sandbox, `GET ${path}?idProperty=external_id`)).body.properties.amount).toBe('3');
  expect((await ask(sandbox, `GET ${DEALS}/1?idProperty=dealname`)).body.message).toContain(
    'non-unique 0-3 property dealname',
  );
  const taken = await update(sandbox, 2, { external_id: 'a/b c' });
  expect(taken.body.errors[0]).toMatchObject({
    code: 'CONFLICTING_UNIQUE_VALUE',
    message: '1 already has that value.',
  });
  await update(sandbox, 1, { external_id: 'new' });
  expect((await update(sandbox, 2, { external_id: 'a/b c' })).status).toBe(200);
  expect(sandbox.deal('1')).toMatchObject({ received: 3, applied: 3 });
});

test('create is not idempotent: the same request twice makes two deals', async () => {
  const body = { properties: { dealname: 'twin', amount: 1 } };
  const first = await ask(sandbox, `POST ${DEALS}`, { body });
  const second = await ask(sandbox, `POST ${DEALS}`, { body });
  expect([first.status, second.status]).toEqual([201, 201]);
  expect([first.body.id, second.body.id]).toEqual(['31', '32']);
  expect(sandbox.state().deals).toMatchObject({ count: 32, applied: 2 });
  const refused = await ask(sandbox, `POST ${DEALS}`, { body: { properties: { nope: 1 } } });
  expect(refused.status).toBe(400);
  expect(sandbox.state().deals.count).toBe(32);
});

test('an archived deal is gone; archiving again changes nothing', async () => {
  expect((await ask(sandbox, `DELETE ${DEALS}/2`)).status).toBe(204);
  expect((await ask(sandbox, `DELETE ${DEALS}/2`)).status).toBe(204);
  expect((await ask(sandbox, `GET ${DEALS}/2`)).status).toBe(404);
  expect(sandbox.deal('2')).toMatchObject({ exists: false, received: 2, applied: 1 });
});

test('listing walks all live deals page by page', async () => {
  await ask(sandbox, `DELETE ${DEALS}/4`);
  const ids: string[] = [];
  for (let after: string | undefined = '0'; after; ) {
    const { body } = await ask(sandbox, `GET ${DEALS}?limit=7&after=${after}&properties=amount`);
    ids.push(...body.results.map((deal) => deal.id));
    after = body.paging?.next.after;
  }
  expect(ids).toHaveLength(29);
  expect(new Set(ids).size).toBe(29);
  expect((await ask(sandbox, `GET ${DEALS}?limit=101`)).status).toBe(400);
});

test('search filters by equality and membership', async () => {
  await update(sandbox, 8, { amount: '5' });
  await update(sandbox, 9, { amount: '6' });
  const search = (filters: unknown[]) =>
    ask(sandbox, `POST ${DEALS}/search`, { body: { filterGroups: [{ filters }] } });
  const five = await search([{ propertyName: 'amount', operator: 'EQ', value: '5' }]);
  expect(five.body.results.map((deal) => deal.id)).toEqual(['8']);
  const both = await search([{ propertyName: 'amount', operator: 'IN', values: ['5', '6'] }]);
  expect(both.body.total).toBe(2);
  expect((await search([{ propertyName: 'amount', operator: 'SOUNDS_LIKE', value: '5' }])).status).toBe(400);
});

test('properties can be listed, read and made; then they can be written', async () => {
  const names = (await ask(sandbox, 'GET /crm/v3/properties/deals')).body.results.map((property) => property.name);
  expect(names).toEqual(expect.arrayContaining(['dealname', 'rivery_executions', 'external_id']));
  const body = { name: 'score', label: 'Score', type: 'number', fieldType: 'number', groupName: 'dealinformation' };
  expect((await ask(sandbox, 'POST /crm/v3/properties/deals', { body })).status).toBe(201);
  expect((await ask(sandbox, 'POST /crm/v3/properties/deals', { body })).status).toBe(409);
  expect((await ask(sandbox, 'POST /crm/v3/properties/deals', { body: { ...body, type: 'colour' } })).status).toBe(400);
  expect((await ask(sandbox, 'GET /crm/v3/properties/deals/score')).status).toBe(200);
  expect((await ask(sandbox, 'GET /crm/v3/properties/deals/other')).status).toBe(404);
  expect((await update(sandbox, 1, { score: 'x' })).status).toBe(400);
  expect((await update(sandbox, 1, { score: '4' })).status).toBe(200);
});

describe('with tokens of its own', () => {
  beforeEach(async () => {
    await sandbox.stop();
    sandbox = await startSandbox({ deals: 1, tokens: { reader: ['crm.objects.deals.read'] } });
  });

  test('no token, and one it does not know, are 401', async () => {
    for (const token of [null, 'stolen']) {
      const { status, body } = await ask(sandbox, `GET ${DEALS}/1`, { token });
      expect(status).toBe(401);
      expect(body.category).toBe('INVALID_AUTHENTICATION');
    }
    const basic = { token: null, headers: { authorization: 'Basic cmVhZGVyOg==' } };
    expect((await ask(sandbox, `GET ${DEALS}/1`, basic)).status).toBe(401);
  });

  test('a token without the scope is 403 and writes nothing', async () => {
    expect((await ask(sandbox, `GET ${DEALS}/1`, { token: 'reader' })).status).toBe(200);
    const body = { properties: { amount: '1' } };
    const refused = await ask(sandbox, `PATCH ${DEALS}/1`, { token: 'reader', body });
    expect(refused.status).toBe(403);
    expect(refused.body.category).toBe('MISSING_SCOPES');
    expect(refused.body.errors[0]?.context).toEqual({ requiredGranularScopes: ['crm.objects.deals.write'] });
    expect(sandbox.deal('1').applied).toBe(0);
  });
});
