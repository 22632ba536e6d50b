/** One river with more and more rows: speed, the worker's memory, history and state must not grow with them. */
import { startApi } from '../test/chaos/processes.ts';
import { sendPlan } from './plans.ts';
import { startRig } from './rig.ts';

export interface ScaleCase {
  rows: number;
  maxInFlight: number;
  batch: number;
}

export interface Scale {
  rows: number;
  rowsPerSecond: number;
  /** Of a worker that has done nothing else, in MB. */
  peakMemory: number | null;
  historyEvents: number;
  stateBytesPerRow: number;
}

export async function scale({ rows, maxInFlight, batch }: ScaleCase): Promise<Scale> {
  await using rig = await startRig();
  await using api = await startApi(rows, { limits: null });
  const before = await rig.stateBytes();
  const { steps, run_id: runId, rows: counts } = await rig.run(sendPlan({ url: api.url, rows, maxInFlight, batch }));
  if (counts.delivered !== rows) throw new Error(`${counts.delivered} of ${rows} rows were delivered`);
  const loopMs = steps.find(({ type }) => type === 'loop')?.duration_ms ?? Number.NaN;
  return {
    rows,
    rowsPerSecond: Math.round(rows / (loopMs / 1_000)),
    peakMemory: await rig.peakMemory(),
    historyEvents: await rig.historyEvents(runId),
    stateBytesPerRow: ((await rig.stateBytes()) - before) / rows,
  };
}
