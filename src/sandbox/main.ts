/** The practice HubSpot as a process of its own: prints one line of JSON with its URL, runs until told to stop. */
import { parseArgs } from 'node:util';
import * as z from 'zod';
import { startSandbox } from './index.ts';

const { values } = parseArgs({
  options: {
    port: { type: 'string', default: '0' },
    deals: { type: 'string', default: '0' },
    'first-id': { type: 'string', default: '1' },
    seed: { type: 'string', default: '1' },
    /** As for PUT /_sandbox/settings. */
    settings: { type: 'string', default: '{}' },
    /** Ends when stdin does, so that nothing outlives the process that started it. */
    'with-parent': { type: 'boolean', default: false },
  },
});

const whole = (name: 'port' | 'deals' | 'first-id' | 'seed') => z.coerce.number().int().min(0).parse(values[name]);

const sandbox = await startSandbox({
  ...JSON.parse(values.settings),
  port: whole('port'),
  deals: whole('deals'),
  firstId: whole('first-id'),
  seed: whole('seed'),
});
console.log(JSON.stringify({ url: sandbox.url, port: sandbox.port, pid: process.pid }));

const end = () => sandbox.stop().then(() => process.exit(0));
process.once('SIGINT', end);
process.once('SIGTERM', end);
if (values['with-parent']) process.stdin.on('end', end).resume();
