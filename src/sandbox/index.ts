/** The practice HubSpot: HubSpot's deals API on this machine, with its limits, its replies, and faults on request. */
import { Sandbox, type SandboxOptions } from './sandbox.ts';

export type { DealReport } from './deals.ts';
export type { Sandbox, SandboxOptions, SandboxState } from './sandbox.ts';
export { type BadRecords, FAULT_NAMES, type FaultName, type SettingsInput } from './settings.ts';
export type { LogEntry } from './tally.ts';

/** Starts one on 127.0.0.1. Errors: CONFIG_SANDBOX for settings that make no sense, CONFIG_PORT_IN_USE. */
export async function startSandbox(options: SandboxOptions = {}): Promise<Sandbox> {
  const sandbox = new Sandbox(options);
  await sandbox.start();
  return sandbox;
}
