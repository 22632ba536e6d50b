/** The door to the warehouses: which drivers there are and how one is opened. */
import type { WarehouseType } from '../contracts/plan.ts';
import { UpriverError } from '../core/errors.ts';
import { openDuckdb } from './duckdb/index.ts';
import { openPostgres } from './postgres/index.ts';
import { openSnowflake } from './snowflake/index.ts';
import type { Warehouse, WarehouseContext } from './warehouse.ts';

export type {
  BoundSql,
  Column,
  ResultStream,
  RowsToWrite,
  StatementHandle,
  StatementOptions,
  StatementTag,
  Warehouse,
  WarehouseContext,
  WarehouseSession,
} from './warehouse.ts';

type Open = (context: WarehouseContext) => Promise<Warehouse>;

const DRIVERS: Partial<Record<WarehouseType, Open>> = {
  duckdb: openDuckdb,
  postgres: openPostgres,
  snowflake: openSnowflake,
};

export async function openWarehouse(type: WarehouseType, context: WarehouseContext): Promise<Warehouse> {
  const open = DRIVERS[type];
  if (open) return open(context);
  throw new UpriverError(
    'CONFIG_WAREHOUSE_TYPE',
    `connection ${context.name}: no driver for warehouses of type "${type}"`,
    {
      hint: `There are drivers for: ${Object.keys(DRIVERS).join(', ')}.`,
    },
  );
}
