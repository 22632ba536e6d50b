/**
 * A process that takes permits and uses them: prints `{ from, to }` for each request, in nanoseconds of the machine's
 * monotonic clock, which is the same in all processes: when it left, and when its answer came (null: not yet).
 */
import { writeSync } from 'node:fs';
import { setTimeout as after } from 'node:timers/promises';
import { type OpenStore, openStore } from '../../../../src/state/index.ts';

const { target, taker, window, permits } = JSON.parse(process.argv[2] ?? '') as {
  target: OpenStore;
  taker: string;
  window: { id: string; requests: number; perMs: number };
  permits: number;
};
const store = await openStore(target);
const windows = [window];
for (let used = 0; used < permits; ) {
  const { granted, block, retryInMs } = await store.takePermits({ connection: 'api', windows, want: 4, taker });
  if (granted === 0) await after(retryInMs);
  // The last one is not used, so that handing back is part of it.
  const sent = Math.max(Math.min(granted, 1), granted - 1);
  const answers = await Promise.all(Array.from({ length: sent }, () => send(used++)));
  const now = process.hrtime.bigint();
  const answered = answers.map((at) => Number(now - at) / 1e6);
  if (granted > 0) await store.reportPermits([{ block, windows, answered, unused: granted - sent, outstanding: 0 }]);
}
await store[Symbol.asyncDispose]();

async function send(number: number): Promise<bigint> {
  const from = process.hrtime.bigint();
  say({ number, from: Number(from), to: null });
  await after((number * 7) % 30);
  const to = process.hrtime.bigint();
  say({ number, from: Number(from), to: Number(to) });
  return to;
}

function say(line: object): void {
  writeSync(1, `${JSON.stringify({ taker, ...line })}\n`);
}
