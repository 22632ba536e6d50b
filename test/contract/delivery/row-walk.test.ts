/** How rows end that walk through a body of several steps: each by itself, whatever became of the others. */
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ActionStep, BranchPlan, ConditionStep, StepPlan } from '../../../src/contracts/plan.ts';
import type { Value } from '../../../src/core/values.ts';
import { outcomeOf } from '../../../src/core/outcomes.ts';
import { action, loop } from '../../helpers/plans.ts';
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
  beforeAll(async () => {
    sending = await openSending();
    server = createServer((incoming, response) => incoming.resume().on('end', () => response.end('{}')));
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
});
