/** Records the histories that test/replay replays: run it when a change to workflows/ is meant, and say so in the commit. */
import { writeFile } from 'node:fs/promises';
import proto from '@temporalio/proto';
import { startSandbox } from '../src/sandbox/index.ts';
import { startEngine } from '../test/helpers/engine.ts';
import { RECORDED } from '../test/replay/recorded.ts';

const FIXTURES = new URL('../test/fixtures/histories/', import.meta.url);

await using engine = await startEngine({ TOKEN: 'recorded' });
for (const { name, plan, deals } of RECORDED) {
  await using sandbox = await startSandbox({ deals, limits: null });
  const runId = await engine.start(plan(sandbox.url), { runId: name });
  await engine.result(runId).catch(() => {});
  for (const workflowId of [runId, `${runId}/each`]) {
    const history = await engine.client.workflow
      .getHandle(workflowId)
      .fetchHistory()
      .catch(() => null);
    if (!history) continue;
    const file = new URL(`${workflowId.replaceAll('/', '.')}.json`, FIXTURES);
    const json = proto.temporal.api.history.v1.History.toObject(history as never, {
      longs: String,
      enums: String,
      bytes: String,
    });
    await writeFile(file, `${JSON.stringify({ workflowId, history: json }, withoutStacks, 1)}\n`);
    console.log(`${workflowId}: ${history.events?.length} events`);
  }
}

/** Stack traces name the machine that recorded, and replay does not look at them. */
function withoutStacks(key: string, value: unknown): unknown {
  return key === 'stackTrace' ? undefined : value;
}
