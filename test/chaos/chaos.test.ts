/** The short run of chaos; `npm run chaos` does longer ones. */
import { type ChaosOptions, runChaos } from './chaos.ts';

const OPTIONS: ChaosOptions = {
  seed: 1,
  rows: 3_000,
  events: 4,
  kinds: ['kill', 'term', 'temporal', 'down'],
  mode: 'patch',
  workers: 1,
  maxInFlight: 10,
  store: 'sqlite',
  latencyMs: 40,
  onNote: () => {},
};
/** Far more than the 15 s that are promised: the machine may be busy with other tests. */
const RESUMED_MS = 60_000;

describe('whatever dies', () => {
  test('every row ends in one honest outcome, and work goes on by itself', async () => {
    const { problems, events, counts } = await runChaos(OPTIONS);
    expect(problems).toEqual([]);
    expect(counts).toMatchObject({ read: 3_000, delivered: 2_997, rejected: 3 });
    expect(events.map(({ kind }) => kind).sort()).toEqual(['down', 'kill', 'temporal', 'term']);
    expect(Math.max(...events.map(({ resumedMs }) => resumedMs ?? 0))).toBeLessThan(RESUMED_MS);
  }, 300_000);

  test('a cancel, with a kill just after it: nothing is sent any more, and what became of each row is said', async () => {
    const cancelled = { ...OPTIONS, seed: 9, rows: 2_000, events: 0, kinds: ['cancel'], mode: 'post' } as const;
    const { problems, status, counts, twice } = await runChaos(cancelled);
    expect(problems).toEqual([]);
    expect({ status, twice }).toEqual({ status: 'cancelled', twice: 0 });
    expect(counts.not_attempted).toBeGreaterThan(0);
  }, 300_000);
});
