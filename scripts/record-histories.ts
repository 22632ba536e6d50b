/**
 * Records the histories that test/replay replays, those that are not there yet: histories of an earlier version are the ones
 * worth keeping. A new way through workflows/ gets a new run in test/replay/recorded.ts.
 */
import { writeFile } from 'node:fs/promises';
import proto from '@temporalio/proto';
import { startSandbox } from '../src/sandbox/index.ts';
import { type Engine, startEngine } from '../test/helpers/engine.ts';
import { RECORDED, type Recorded } from '../test/replay/recorded.ts';

const FIXTURES = new URL('../test/fixtures/histories/', import.meta.url);

await using engine = await startEngine({ TOKEN: 'recorded' });
for (const recorded of RECORDED) {
  await run(recorded, engine);
  await keep(recorded.name, engine);
}

async function run({ name, plan, deals, retryOf, before, meanwhile }: Recorded, engine: Engine): Promise<void> {
  await using sandbox = await startSandbox({ deals, limits: null });
  const stage = { engine, sandbox, runId: name };
  await before?.(stage);
  await engine.start(plan(sandbox.url), {
    runId: name,
    retryOf: retryOf ? { runId: retryOf, includeUnknown: false } : null,
  });
  await meanwhile?.(stage);
  await engine.result(name).catch(() => {});
}

/** The run's history, and those of its loops and of what it called. */
async function keep(name: string, { client }: Engine): Promise<void> {
  for await (const { workflowId } of client.workflow.list({ query: `WorkflowId STARTS_WITH "${name}"` })) {
    // One row's is like another's.
    if (/\/row-(?!1\/)/.test(workflowId)) continue;
    const history = await client.workflow.getHandle(workflowId).fetchHistory();
    const json = proto.temporal.api.history.v1.History.toObject(history as never, {
      longs: String,
      enums: String,
      bytes: String,
    });
    const file = new URL(`${workflowId.replaceAll('/', '.')}.json`, FIXTURES);
    const text = `${JSON.stringify({ workflowId, history: json }, withoutStacks, 1)}\n`;
    const isNew = await writeFile(file, text, { flag: 'wx' }).then(
      () => true,
      () => false,
    );
    if (isNew) console.log(`${workflowId}: ${history.events?.length} events`);
  }
}

/** Stack traces name the machine that recorded, and replay does not look at them. */
function withoutStacks(key: string, value: unknown): unknown {
  return key === 'stackTrace' ? undefined : value;
}
