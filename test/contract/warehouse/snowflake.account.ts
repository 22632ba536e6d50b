/** `npm run test:snowflake`: the contract on a real account, which SNOWFLAKE_* variables name. Makes a schema, and drops it. */
import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { openWarehouse, type WarehouseContext } from '../../../src/warehouses/index.ts';
import { SNOWFLAKE } from './snowflake-dialect.ts';
import { testWarehouse } from './suite.ts';

const database = required('SNOWFLAKE_DATABASE').toUpperCase();
const schema = `UPRIVER_TEST_${randomUUID().slice(0, 8).toUpperCase()}`;
const context: WarehouseContext = { name: 'snowflake', projectDir: '.', config: configuration() };

testWarehouse({
  type: 'snowflake',
  exclusive: false,
  async setUp() {
    await script(`create schema ${database}.${schema}`);
    return {
      context,
      tearDown: () =>
        script(`drop schema ${database}.${schema} cascade; drop schema if exists ${database}.BRAND_NEW cascade`),
    };
  },
  dialect: SNOWFLAKE(`${database}.${schema}`),
});

async function script(sql: string): Promise<void> {
  await using warehouse = await openWarehouse('snowflake', context);
  await using session = await warehouse.session();
  const tag = { run: 'test', river: 'test', step: 'test' };
  await session.script({ sql: [sql], values: {} }, { signal: new AbortController().signal, timeoutMs: 60_000, tag });
}

function configuration(): Record<string, unknown> {
  const env = process.env;
  const keyFile = env.SNOWFLAKE_PRIVATE_KEY_FILE;
  return {
    account: required('SNOWFLAKE_ACCOUNT'),
    access_url: env.SNOWFLAKE_ACCESS_URL,
    username: required('SNOWFLAKE_USER'),
    password: env.SNOWFLAKE_PASSWORD,
    token: env.SNOWFLAKE_TOKEN,
    private_key: keyFile === undefined ? undefined : readFileSync(keyFile, 'utf8'),
    passphrase: env.SNOWFLAKE_PRIVATE_KEY_PASSPHRASE,
    warehouse: required('SNOWFLAKE_WAREHOUSE'),
    role: env.SNOWFLAKE_ROLE,
    database,
  };
}

function required(name: string): string {
  const value = process.env[name];
  if (value) return value;
  throw new Error(`Set ${name}: docs/snowflake.md lists what \`npm run test:snowflake\` needs.`);
}
