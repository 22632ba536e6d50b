/** Snowflake against the contract: the real driver, with a double of Snowflake at the other end of the wire. */
import { type SnowflakeDouble, startSnowflake } from '../../doubles/snowflake/server.ts';
import { SNOWFLAKE } from './snowflake-dialect.ts';
import { testWarehouse } from './suite.ts';

let double: SnowflakeDouble;

testWarehouse({
  type: 'snowflake',
  exclusive: false,
  async setUp() {
    double = await startSnowflake();
    const config = { account: 'double', access_url: double.url, username: 'UPRIVER', password: 'secret' };
    return {
      context: { name: 'snow', projectDir: '.', config: { ...config, warehouse: 'WH', database: 'INTERNAL' } },
      tearDown: async () => double[Symbol.asyncDispose](),
    };
  },
  dialect: SNOWFLAKE('INTERNAL.PUBLIC'),
});
