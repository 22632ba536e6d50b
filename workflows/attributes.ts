/** Search attributes: how runs are found and filtered in Temporal's UI. */
import { defineSearchAttributeKey, SearchAttributeType } from '@temporalio/common';
import { upsertSearchAttributes } from '@temporalio/workflow';
import type { RunInput } from '../src/contracts/run.ts';
import { badRows, type RowCounts } from '../src/core/outcomes.ts';

const riverName = defineSearchAttributeKey('RiverName', SearchAttributeType.KEYWORD);
const riverStatus = defineSearchAttributeKey('RiverStatus', SearchAttributeType.KEYWORD);
const rowsRead = defineSearchAttributeKey('RowsRead', SearchAttributeType.INT);
const rowsDelivered = defineSearchAttributeKey('RowsDelivered', SearchAttributeType.INT);
const rowsBad = defineSearchAttributeKey('RowsBad', SearchAttributeType.INT);

export function showStatus({ plan, searchAttributes }: RunInput, status: string, rows: RowCounts): void {
  if (!searchAttributes) return;
  upsertSearchAttributes([
    { key: riverName, value: plan.root },
    { key: riverStatus, value: status },
    { key: rowsRead, value: rows.read },
    { key: rowsDelivered, value: rows.delivered },
    { key: rowsBad, value: badRows(rows) },
  ]);
}
