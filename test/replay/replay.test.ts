import { glob, readFile } from 'node:fs/promises';
import proto from '@temporalio/proto';
import { DeterminismViolationError } from '@temporalio/workflow';
import { Runtime, Worker } from '@temporalio/worker';
import pino from 'pino';
import { workflowBundle } from '../../src/temporal/bundle.ts';
import { installRuntime } from '../../src/temporal/worker.ts';

const FIXTURES = new URL('../fixtures/histories/', import.meta.url);

interface Kept {
  workflowId: string;
  history: {
    events: { activityTaskScheduledEventAttributes?: { activityId: string; activityType: { name: string } } }[];
  };
}

const names = await Array.fromAsync(glob('*.json', { cwd: FIXTURES }));
const read = async (name: string): Promise<Kept> => JSON.parse(await readFile(new URL(name, FIXTURES), 'utf8'));

describe('recorded histories', () => {
  let replay: (kept: Kept) => Promise<void>;
  beforeAll(async () => {
    installRuntime(pino({ level: 'silent' }));
    const bundle = await workflowBundle();
    replay = ({ history, workflowId }) =>
      Worker.runReplayHistory(
        { workflowBundle: bundle },
        proto.temporal.api.history.v1.History.fromObject(history),
        workflowId,
      );
  });

  afterAll(() => Runtime.instance().shutdown());

  test('there are some', () => {
    expect(names.length).toBeGreaterThanOrEqual(4);
  });

  test.each(names)('%s is replayed to the same commands', async (name) => {
    await replay(await read(name));
  });

  test.each(names)('%s with another activity in it is refused', async (name) => {
    const kept = await read(name);
    const scheduled = kept.history.events.findLast((event) => event.activityTaskScheduledEventAttributes);
    if (!scheduled?.activityTaskScheduledEventAttributes) throw new Error('no activity in this history');
    scheduled.activityTaskScheduledEventAttributes.activityType.name = 'somethingElse';
    await expect(replay(kept)).rejects.toBeInstanceOf(DeterminismViolationError);
  });
});
