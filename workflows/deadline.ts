/** A timeout as a timer in the workflow: what it cuts short can still be counted and told. */
import { CancellationScope, isCancellation, sleep } from '@temporalio/workflow';

/** Cancels `work` when the time is over and throws `late()` in its place. null: no deadline. */
export async function withDeadline<T>(ms: number | null, late: () => Error, work: () => Promise<T>): Promise<T> {
  if (ms === null) return work();
  let expired = false;
  const scope = new CancellationScope();
  const timer = new CancellationScope();
  const counting = timer.run(async () => {
    await sleep(ms, { summary: 'timeout' });
    expired = true;
    scope.cancel();
  });
  counting.catch(() => {});
  try {
    return await scope.run(work);
  } catch (error) {
    throw expired && isCancellation(error) ? late() : error;
  } finally {
    timer.cancel();
  }
}
