/** The double of Snowflake as a process of its own: prints its address, ends when its stdin does. */
import { once } from 'node:events';
import { startSnowflake } from '../test/doubles/snowflake/server.ts';

await using double = await startSnowflake();
console.log(double.url);
await once(process.stdin.resume(), 'end');
