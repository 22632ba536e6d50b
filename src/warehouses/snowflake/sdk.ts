/** Loads Snowflake's driver when it is first needed (0.4 s, 120 MB) and makes it keep to itself. */
import type { Connection, RowStatement, SnowflakeError, StatementOption } from 'snowflake-sdk';

export type Sdk = typeof import('snowflake-sdk');
export type { Connection, RowStatement, SnowflakeError, StatementOption };

/** Read by the driver while it loads: no probing of cloud metadata addresses, no native helper, no word about us. */
const ENVIRONMENT = {
  SNOWFLAKE_DISABLE_PLATFORM_DETECTION: 'true',
  SNOWFLAKE_DISABLE_MINICORE: 'true',
  SF_TELEMETRY_DISABLE_CONNECTION_SHAPE: '1',
};

let loading: Promise<Sdk> | undefined;

export function loadSdk(): Promise<Sdk> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Sdk> {
  Object.assign(process.env, ENVIRONMENT);
  const module = await import('snowflake-sdk');
  const sdk = (module as unknown as { default: Sdk }).default;
  sdk.configure({
    logLevel: 'OFF',
    // Without it a log file appears in the working directory.
    customLogger: { error() {}, warn() {}, info() {}, debug() {}, trace() {} },
    // Cells are read as raw text (cells.ts). If one ever came here, the driver's own parser would run it as code.
    jsonColumnVariantParser: refuseToParse,
    xmlColumnVariantParser: refuseToParse,
  });
  return sdk;
}

function refuseToParse(): never {
  throw new Error('a VARIANT cell reached the driver’s own parser');
}
