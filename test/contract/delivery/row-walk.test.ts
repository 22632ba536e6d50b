/** How rows end that walk through a body of several steps: each by itself, whatever became of the others. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ActionStep, BranchPlan, ConditionStep, SequenceStep, StepPlan } from '../../../src/contracts/plan.ts';
import type { Value } from '../../../src/core/values.ts';
import { outcomeOf } from '../../../src/core/outcomes.ts';
import { action, loop, request } from '../../helpers/plans.ts';
import { openSending, type Sending, type Sent } from './sending.ts';

const [UPDATE] = loop().steps as [ActionStep];

function condition(source: string, branch: Partial<BranchPlan>, change: Partial<StepPlan> = {}): ConditionStep {
  const branches = [{ if: source, then: 'steps', message: null, steps: [], ...branch } as const];
  const { name, enabled, onError, retry, timeoutMs } = UPDATE;
  return {
    id: 'gate',
    type: 'condition',
    name,
    enabled,
    onError,
    retry,
    timeoutMs,
    ...change,
    branches,
  } as ConditionStep;
}

describe('rows in a body of several steps', () => {
  let sending: Sending;
  let server: Server;
  let url: string;
  /** Ids of deals whose requests are never answered. */
  let hanging = new Set<string>();
  /** Requests for each path. */
  let received = new Map<string, number>();

  const answer = (path: string, response: ServerResponse) => {
    received.set(path, (received.get(path) ?? 0) + 1);
    const id = path.split('/').at(-1) ?? '';
    if (id === 'busy') response.writeHead(503, { 'retry-after': '3600' });
    if (!hanging.has(id)) response.end('{}');
  };
  beforeEach(() => {
    hanging = new Set();
    received = new Map();
  });
  beforeAll(async () => {
    sending = await openSending();
    server = createServer((incoming, response) =>
      incoming.resume().on('end', () => answer(incoming.url ?? '', response)),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  });
  afterAll(async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await sending[Symbol.asyncDispose]();
  });

  const outcomes = async ({ runId }: Sent) =>
    [...(await sending.store.readStates({ runId, path: 'each' }, 0))].map(outcomeOf);
  const records = ({ runId }: Sent) => sending.store.readRecords({ runId, path: 'each' }, {});
  const amounts = (...values: Value[]): Value[][] => values.map((amount, row) => [String(row + 1), { amount }]);

  test.each(['fail', 'continue'] as const)(
    'whose values do not fit a condition: only they fail: on_error: %s',
    async (onError) => {
      const gate = condition('properties.amount > 100', { then: 'skip' }, { onError });
      const how = { url, actions: [action()], steps: [gate, UPDATE], maxInFlight: 2 };
      const sent = await sending.send(amounts(1, null, 200, 'much', 5), how);
      expect(sent.result).toMatchObject({ nextChunk: null, stop: null });
      expect(await outcomes(sent)).toEqual(['delivered', 'failed', 'skipped', 'failed', 'delivered']);
      expect(sent.result.requests).toBe(onError === 'fail' ? 2 : 4);
      const message = expect.stringContaining('properties.amount > 100');
      expect(await records(sent)).toEqual(
        expect.arrayContaining(
          [1, 3].map((row) => expect.objectContaining({ row, code: 'RIVER_EXPRESSION', message })),
        ),
      );
    },
  );

  test('whose values cannot be sent: rejected, after the steps that follow where on_error says continue', async () => {
    const first: ActionStep = {
      ...UPDATE,
      id: 'first',
      onError: 'continue',
      inputs: { ...UPDATE.inputs, deal_id: '{properties.amount}' },
    };
    const how = { url, actions: [action()], steps: [first, UPDATE], maxInFlight: 2 };
    const sent = await sending.send(amounts(1, null), how);
    expect(await outcomes(sent)).toEqual(['delivered', 'rejected']);
    expect(sent.result.requests).toBe(3);
    expect(await records(sent)).toMatchObject([{ row: 1, code: 'ROW_VALUE_IN_PATH' }]);
  });

  const DEALS = '/crm/v3/objects/deals';
  const rowsOf = (...ids: string[]): Value[][] => ids.map((id) => [id, {}]);
  const late = (step: string) => ({
    code: 'RIVER_STEP_TIMEOUT',
    message: expect.stringContaining(`Step ${step} did not end within its timeout of 1s`),
  });

  test.each([
    [true, 'failed'],
    [false, 'unknown'],
  ])('whose step has a timeout, and no answer comes: repeatable: %s: %s', async (idempotent, outcome) => {
    hanging.add('2');
    const actions = [action({ requests: [request({ idempotent })] })];
    const how = { url, actions, steps: [{ ...UPDATE, timeoutMs: 1_000 }], maxInFlight: 3 };
    const sent = await sending.send(rowsOf('1', '2', '3'), how);
    expect(await outcomes(sent)).toEqual(['delivered', outcome, 'delivered']);
    expect(await records(sent)).toMatchObject([{ row: 1, attempts: 1, ...late('update') }]);
    expect(received.get(`${DEALS}/2`)).toBe(1);
  });

  test('whose step has a timeout: a pause that is longer than what is left is not waited for', async () => {
    const how = { url, actions: [action()], steps: [{ ...UPDATE, timeoutMs: 1_000 }], maxInFlight: 1 };
    const sent = await sending.send(rowsOf('busy', '2'), how);
    expect(await outcomes(sent)).toEqual(['failed', 'delivered']);
    expect(await records(sent)).toMatchObject([{ row: 0, attempts: 1, httpStatus: 503, ...late('update') }]);
  });

  test('whose steps have one timeout together: on_error goes past it, and nothing more is sent in it', async () => {
    hanging.add('2');
    const { name, enabled, onError, retry } = UPDATE;
    const steps = [UPDATE, { ...UPDATE, id: 'again' }];
    const both: SequenceStep = { id: 'both', type: 'sequence', name, enabled, onError, retry, timeoutMs: 1_000, steps };
    const tolerant = steps.map((step) => ({ ...step, onError: 'continue' as const }));
    const how = { url, actions: [action()], steps: [{ ...both, steps: tolerant }], maxInFlight: 2 };
    const sent = await sending.send(rowsOf('1', '2'), how);
    expect(await outcomes(sent)).toEqual(['delivered', 'failed']);
    expect(await records(sent)).toMatchObject([{ row: 1, ...late('both') }]);
    expect(received).toEqual(
      new Map([
        [`${DEALS}/1`, 2],
        [`${DEALS}/2`, 1],
      ]),
    );
  });

  test('whose step has a timeout: an outage gives them their time back', async () => {
    const rows = rowsOf(...Array.from({ length: 20 }, (_, index) => String(index + 1)));
    for (const [id] of rows) hanging.add(id as string);
    const onPark = () => hanging.clear();
    const how = { url, actions: [action()], steps: [{ ...UPDATE, timeoutMs: 1_000 }], maxInFlight: 20, onPark };
    const sent = await sending.send(rows, how);
    expect(sent.parks).toBe(1);
    expect(sent.result.rows).toMatchObject({ delivered: 20 });
  });

  test('that ride in batches: where nobody can tell whether to halve one, the loop stops', async () => {
    const body = { kind: 'json', value: { inputs: { $each: { id: '{deal_id}' } } } } as const;
    const batch = request({ target: { kind: 'path', path: '/batch' }, body, splitWhen: 'body + 1 == 2' });
    const actions = [action({ batch: { rows: 2, bytes: 100_000 }, requests: [batch] })];
    const sent = await sending.send(rowsOf('1', '2', '3', '4'), { url, actions, maxInFlight: 1 });
    expect(sent.result.stop).toMatchObject({ reason: 'rule', error: { code: 'RIVER_EXPRESSION' } });
    expect(sent.result.rows).toMatchObject({ failed: 2, not_attempted: 2 });
  });

  test('that ride in batches: the timeout of the step holds for each batch', async () => {
    hanging.add('batch');
    const body = { kind: 'json', value: { inputs: { $each: { id: '{deal_id}' } } } } as const;
    const rows = { id: '{deal_id}', delivered: null, rejected: null };
    const batch = request({ target: { kind: 'path', path: '/batch' }, body, rows });
    const actions = [action({ batch: { rows: 10, bytes: 100_000 }, requests: [batch] })];
    const how = { url, actions, steps: [{ ...UPDATE, timeoutMs: 1_000 }], maxInFlight: 2 };
    const sent = await sending.send(rowsOf('1', '2'), how);
    expect(await outcomes(sent)).toEqual(['failed', 'failed']);
    expect(await records(sent)).toMatchObject([late('update'), late('update')]);
  });

  test.each([1, 2])(
    'whose answer takes longer than a stretch of work: they fail all the same: %s tries',
    async (attempts) => {
      hanging.add('2');
      const actions = [action({ retry: { attempts, initialMs: 1, maxMs: 1 } })];
      const how = { url, actions, maxInFlight: 2, segmentMs: 50, connection: { timeoutMs: 200 } };
      const sent = await sending.send(rowsOf('1', '2', '3'), how);
      expect(await outcomes(sent)).toEqual(['delivered', 'failed', 'delivered']);
      expect(await records(sent)).toMatchObject([{ row: 1, code: 'LOST_TIMEOUT' }]);
    },
  );
});
