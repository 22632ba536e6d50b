/** Compares, row by row, what was to be sent, what the state store says of it and what the API received. */
import { BAD_OUTCOMES, noRows, type RowCounts, ROW_STATE, type RowState } from '../../src/core/outcomes.ts';
import type { LoopKey, StateStore } from '../../src/core/store.ts';
import type { DealReport } from '../../src/sandbox/deals.ts';
import type { Api } from './processes.ts';
import { dealOf, isStranger } from './project.ts';

export interface Findings {
  /** Rows whose outcome says one thing and the API another, or that have none. */
  problems: string[];
  /** By the state store's bytes. */
  counts: RowCounts;
  /** Times that a row was applied beyond its first. */
  twice: number;
  /** Writes that the API received for all rows. */
  received: number;
}

const STATES = Object.keys(ROW_STATE) as RowState[];

export async function compare(
  loop: LoopKey,
  rows: number,
  parts: { store: StateStore; api: Pick<Api, 'deals'>; refuses: boolean },
): Promise<Findings> {
  const { store, api, refuses } = parts;
  const states = await readStates(loop, store);
  const deals = new Map<string, DealReport>();
  for await (const deal of api.deals()) deals.set(deal.id, deal);
  const findings: Findings = { problems: [], counts: noRows(), twice: 0, received: 0 };
  if (states.length !== rows) findings.problems.push(`${rows} rows to send, ${states.length} in the store`);
  for (let row = 0; row < rows; row++) {
    judgeRow(findings, { row, state: STATES[states[row] ?? 0] ?? 'pending', deal: deals.get(dealOf(row)), refuses });
  }
  await checkRecords(findings, { loop, store, states });
  return findings;
}

async function readStates(loop: LoopKey, store: StateStore): Promise<Uint8Array> {
  const record = await store.getLoop(loop);
  const rowset = record && (await store.getRowset(record.rowsetId));
  const chunks = rowset ? rowset.chunkStarts.keys() : [];
  return Buffer.concat(await Promise.all([...chunks].map((chunk) => store.readStates(loop, chunk))));
}

interface JudgedRow {
  row: number;
  state: RowState;
  deal: DealReport | undefined;
  /** The API answers 429 and the like at times: a row that it received may have to be sent again. */
  refuses: boolean;
}

function judgeRow(findings: Findings, judged: JudgedRow): void {
  const { row, state, deal = { received: 0, applied: 0, properties: {} } } = judged;
  findings.counts.read++;
  findings.counts[state === 'pending' || state === 'sending' ? 'not_attempted' : state]++;
  findings.received += deal.received;
  findings.twice += Math.max(deal.applied - 1, 0);
  const problem = wrong(judged, deal);
  if (problem)
    findings.problems.push(`row ${row} is ${state}: ${problem} (received ${deal.received}, applied ${deal.applied})`);
}

function wrong(
  { row, state, refuses }: JudgedRow,
  deal: Pick<DealReport, 'received' | 'applied' | 'properties'>,
): string | null {
  if (state === 'sending') return 'it is still in doubt';
  if (state === 'pending')
    return deal.applied > 0 || (deal.received > 0 && !refuses) ? 'it was sent all the same' : null;
  if (isStranger(row)) return state === 'rejected' || state === 'unknown' ? null : 'the API does not know its deal';
  if (state === 'unknown') return null;
  if (state !== 'delivered') return 'nothing is wrong with it';
  if (deal.applied === 0) return 'the API never applied it';
  return deal.properties['amount'] === String(row) ? null : `the API has the amount ${deal.properties['amount']}`;
}

interface KeptRows {
  loop: LoopKey;
  store: StateStore;
  states: Uint8Array;
}

/** Every bad row has its reason in full, and no other row has one. */
async function checkRecords(findings: Findings, { loop, store, states }: KeptRows): Promise<void> {
  const bad = new Set<number>(BAD_OUTCOMES.map((outcome) => ROW_STATE[outcome]));
  const records = new Set((await store.readRecords(loop, { limit: states.length + 1 })).map(({ row }) => row));
  for (const [row, state] of states.entries()) {
    if (bad.has(state) === records.delete(row)) continue;
    findings.problems.push(
      `row ${row} is ${STATES[state]}: ${bad.has(state) ? 'it has no record' : 'it has a record'}`,
    );
  }
}
