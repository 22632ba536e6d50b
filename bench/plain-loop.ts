/** The yardstick: the same requests sent by a bare undici loop, without state, limits, retries or verdicts. */
import { Pool } from 'undici';

const DEALS = '/crm/v3/objects/deals';

export interface LoopOptions {
  /** The API's origin. */
  url: string;
  /** How many rows: row i has the id `firstId` + i. */
  rows: number;
  /** Requests in flight. */
  concurrency: number;
  token: string;
  /** Row i's properties. */
  properties(i: number): Record<string, unknown>;
  /** Default 1. */
  firstId?: number;
}

export interface LoopResult {
  rowsPerSecond: number;
  requests: number;
  /** Requests that were not answered with 200. */
  bad: number;
}

/** One PATCH a row. */
export function plainLoop(options: LoopOptions): Promise<LoopResult> {
  const { rows, properties, firstId = 1 } = options;
  return drive(options, rows, (i) => ({
    method: 'PATCH',
    path: `${DEALS}/${firstId + i}`,
    body: JSON.stringify({ properties: properties(i) }),
  }));
}

/** Batch updates of `batch` rows each. */
export function plainBatchLoop(options: LoopOptions & { batch: number }): Promise<LoopResult> {
  const { rows, batch, properties, firstId = 1 } = options;
  return drive(options, Math.ceil(rows / batch), (n) => {
    const inputs: unknown[] = [];
    for (let i = n * batch; i < Math.min(rows, (n + 1) * batch); i++) {
      inputs.push({ id: String(firstId + i), properties: properties(i) });
    }
    return { method: 'POST', path: `${DEALS}/batch/update`, body: JSON.stringify({ inputs }) };
  });
}

interface PlainRequest {
  method: 'PATCH' | 'POST';
  path: string;
  body: string;
}

async function drive(options: LoopOptions, requests: number, make: (n: number) => PlainRequest): Promise<LoopResult> {
  const { url, rows, concurrency, token } = options;
  const pool = new Pool(url, { connections: concurrency });
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  let next = 0;
  let bad = 0;
  const worker = async (): Promise<void> => {
    while (next < requests) {
      const reply = await pool.request({ ...make(next++), headers });
      await reply.body.text();
      if (reply.statusCode !== 200) bad++;
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: concurrency }, worker));
  const seconds = (performance.now() - start) / 1000;
  await pool.close();
  return { rowsPerSecond: rows / seconds, requests, bad };
}
