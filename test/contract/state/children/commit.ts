/** A process that commits to a loop until it is killed, and says after each commit that it was acknowledged. */
import { writeSync } from 'node:fs';
import { ROW_STATE } from '../../../../src/core/outcomes.ts';
import { type OpenStore, openStore } from '../../../../src/state/index.ts';
import { aCommit, aLoop, aRecord } from '../loop-cases.ts';

/** Commit n settles the first n rows of both chunks, with n records, n hashes and n requests in all. */
const store = await openStore(JSON.parse(process.argv[2] ?? '') as OpenStore);
const epoch = await aLoop(store, [20_000, 20_000]);
const states = new Uint8Array(20_000);
for (let n = 1; n <= states.length; n += 1) {
  states[n - 1] = ROW_STATE.delivered;
  const key = new Uint8Array(16);
  new DataView(key.buffer).setUint32(0, n);
  const chunks = [0, 1].map((chunk) => ({ chunk, states }));
  await store.commitLoop(
    aCommit(epoch, {
      chunks,
      records: [aRecord(n)],
      delivered: { scope: 's', hashes: [{ key, hash: key }] },
      requests: 1,
    }),
  );
  writeSync(1, `${n}\n`);
}
