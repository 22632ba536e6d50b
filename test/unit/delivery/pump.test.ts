/** Tasks that wait on each other are told when nothing else will come. */
import { Pump, type Source } from '../../../src/delivery/pump.ts';

/** So many tasks, by number. */
function numbers(count: number): Source<number> {
  let next = 0;
  return { take: () => (next < count ? next++ : undefined), fill: async () => false };
}

test.each([3, 5_000])('all of %s tasks wait on others: told so, they end, and the rest follows', async (count) => {
  let known = Promise.withResolvers<void>();
  const done: number[] = [];
  const errors: unknown[] = [];
  const pump: Pump<number> = new Pump({
    source: numbers(count),
    limit: 10,
    stop: new AbortController().signal,
    onError: (error) => errors.push(error),
    onStuck: () => {
      const { resolve } = known;
      known = Promise.withResolvers();
      resolve();
    },
    async work(task) {
      await pump.wait(known.promise);
      done.push(task);
    },
  });
  await pump.run();
  expect(errors).toEqual([]);
  expect(done).toHaveLength(count);
});

test('a source is asked again once a task has ended, also while it was being asked', async () => {
  const asked = Promise.withResolvers<boolean>();
  const first = Promise.withResolvers<void>();
  const at = ['first'];
  const fills = [
    () => {
      // The first task ends before the source has said that nothing can be had beside it.
      first.resolve();
      setImmediate(() => {
        at.push('second');
        asked.resolve(false);
      });
      return asked.promise;
    },
  ];
  const done: string[] = [];
  const pump = new Pump<string>({
    source: { take: () => at.shift(), fill: async () => (await fills.shift()?.()) ?? false },
    limit: 2,
    stop: new AbortController().signal,
    onError: () => {},
    onStuck: () => {},
    async work(task) {
      if (task === 'first') await first.promise;
      done.push(task);
    },
  });
  await pump.run();
  expect(done).toEqual(['first', 'second']);
});
