/** A process that hosts or joins the project given as its argument, says what it got, and stays until it is killed, or leaves when its stdin ends. */
import { hostOrJoin } from '../../../src/temporal/embedded.ts';

const project = process.argv[2] as string;
const { role, address, hostPid } = await hostOrJoin(project);
process.stdout.write(`${JSON.stringify({ role, address, hostPid })}\n`);
process.stdin.on('end', () => process.exit()).resume();
