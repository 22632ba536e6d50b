/** `upriver sandbox hubspot`: the practice HubSpot, up until Ctrl-C. */
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import { type Sandbox, type SandboxOptions, startSandbox } from '../../sandbox/index.ts';
import { action, newCommand } from '../command.ts';
import { EXIT } from '../exit-codes.ts';
import { plural } from '../format.ts';
import { aborted, onInterrupt } from '../interrupt.ts';
import { parseCount } from '../options.ts';
import { parseFaults, parseLatency, parseLimit, parsePort } from '../sandbox-options.ts';

interface CommandOptions {
  port?: number;
  deals: number;
  firstId: number;
  seed: number;
  limit?: ReturnType<typeof parseLimit>;
  latency?: ReturnType<typeof parseLatency>;
  faults?: ReturnType<typeof parseFaults>;
}

/** What `upriver init` writes into connections.yaml. */
const USUAL_PORT = 8099;

export function sandboxCommand(): Command {
  return newCommand('sandbox', 'practice APIs on this machine', { json: false }).addCommand(hubspotCommand());
}

function hubspotCommand(): Command {
  return newCommand('hubspot', 'a practice HubSpot: its limits, its replies, faults on request', { json: false })
    .option('--port <port>', `0 takes a free one (default: ${USUAL_PORT}, or a free one if that is taken)`, parsePort)
    .option('--deals <n>', 'how many deals it has', parseCount, 500)
    .option('--first-id <id>', 'id of the first deal; the others follow', parseCount, 1)
    .option('--limit <requests/time>', 'as in 190/10s (the default); `none` for no limit', parseLimit)
    .option('--latency <time>', 'as in 50ms, or 20ms-300ms', parseLatency)
    .option('--faults <name=share,…>', 'as in 500=2%,reset_after=1%; docs/sandbox.md lists them', parseFaults)
    .option('--seed <n>', 'the same seed meets the same faults', parseCount, 1)
    .action(
      action<CommandOptions>(async ({ console }, _args, options) => {
        using interrupt = onInterrupt();
        const { port, deals, firstId, seed, limit, latency, faults } = options;
        const settings = {
          ...(limit === undefined ? {} : { limits: limit }),
          ...(latency && { latency }),
          ...(faults && { faults }),
        };
        await using sandbox = await startOn(port, { deals, firstId, seed, ...settings });
        console.say(`Practice HubSpot on ${sandbox.url} with ${plural(deals, 'deal')}, ids from ${firstId}. Ctrl-C ends it.

In connections.yaml:
  hubspot:
    type: hubspot
    base_url: ${sandbox.url}
    auth: { type: bearer, token: { env: HUBSPOT_TOKEN } }

Any token will do: export HUBSPOT_TOKEN=practice
What it received: ${sandbox.url}/_sandbox/state`);
        await aborted(interrupt.signal);
        return EXIT.ok;
      }),
    );
}

async function startOn(port: number | undefined, options: SandboxOptions): Promise<Sandbox> {
  if (port !== undefined) return startSandbox({ ...options, port });
  return startSandbox({ ...options, port: USUAL_PORT }).catch((error) => {
    if (error instanceof UpriverError && error.code === 'CONFIG_PORT_IN_USE')
      return startSandbox({ ...options, port: 0 });
    throw error;
  });
}
