/** A loop walked row by row, through the command line: kill -9 in the middle of it loses no row. */
import { jest } from '@jest/globals';
import { startSandbox } from '../../../src/sandbox/index.ts';
import { dealsProject, makeProject, until } from './helpers.ts';

/** Several processes and a Temporal server; a busy machine takes its time. */
jest.setTimeout(180_000);

const ROWS = 60;
const MAX_IN_FLIGHT = 4;

const RIVER = `
name: deals
variables:
  deals: { multiple: true }
  parts: { multiple: true }
  double: {}
steps:
  - { id: read, type: sql, connection: warehouse, query: 'select n from range(1, ${ROWS} + 1) t(n)', target: { variable: deals } }
  - id: each
    type: loop
    over: deals
    as: [deal_id]
    key: [deal_id]
    max_in_flight: ${MAX_IN_FLIGHT}
    steps:
      - { id: double, type: sql, connection: warehouse, query: 'select {deal_id} * 2', target: { variable: double } }
      - { id: pick, type: sql, connection: warehouse, query: 'select {deal_id} as id, {double} as amount', target: { variable: parts } }
      - id: parts
        type: loop
        over: parts
        as: [id, amount]
        steps:
          - { id: update, type: action, action: deal-update, inputs: { deal_id: '{id}', amount: '{amount}' } }
`;

test('kill -9: the next run goes on with the rows that are left; only what was in flight may be sent again', async () => {
  await using hubspot = await startSandbox({ deals: ROWS, limits: null });
  const files = { ...dealsProject(hubspot.url, { rows: ROWS }), 'rivers/deals.yaml': RIVER };
  await using project = await makeProject(files, { HUBSPOT_TOKEN: 'practice' });
  const first = project.start('run', 'deals');
  await until(() => hubspot.state().deals.applied >= 10);
  first.child.kill('SIGKILL');
  await first.ended;
  expect(hubspot.state().deals.applied).toBeLessThan(ROWS);

  const second = await project.upriver('run', 'deals', '--json');
  expect(second.stderr).toContain('Going on with');
  expect(second).toMatchObject({ code: 0 });
  expect(JSON.parse(second.stdout)).toMatchObject({ status: 'succeeded', rows: { read: ROWS, delivered: ROWS } });
  const deals = [...hubspot.deals()];
  expect(deals.filter(({ received }) => received === 0)).toEqual([]);
  expect(deals.filter(({ received }) => received > 1).length).toBeLessThanOrEqual(2 * MAX_IN_FLIGHT);
  expect(hubspot.deal('7')).toMatchObject({ properties: { amount: '14' } });
});
