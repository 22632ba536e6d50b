/** What goes wrong and when: drawn from a seed, so that a run that fails can be run again. */
import { uniform } from '../../src/sandbox/random.ts';

export const KINDS = ['kill', 'freeze', 'term', 'temporal', 'postgres', 'down', 'faults', 'cancel'] as const;
/**
 * kill: kill -9 of a worker. freeze: SIGSTOP, SIGCONT 8 to 12 s later. term: SIGTERM. temporal, postgres: kill -9 of
 * that server and a restart. down: the API refuses connections for some seconds. faults: it answers 429, 500 or not at all.
 * cancel: the run is cancelled, often with a kill or a freeze just before or after; the last event of a run.
 */
export type Kind = (typeof KINDS)[number];

export interface ChaosEvent {
  kind: Kind;
  /** It strikes when the API has received so many rows' requests in all. */
  atReceived: number;
  /** And so much later, that it meets no fixed point of the work. */
  delayMs: number;
  /** For the event's own choices, 0 to 1. */
  dice: number;
}

export interface ScheduleOptions {
  seed: number;
  /** What the API will have received at the end, about. */
  requests: number;
  events: number;
  kinds: readonly Kind[];
}

/** In order of time; spread over the whole run. */
export function drawSchedule({ seed, requests, events, kinds }: ScheduleOptions): ChaosEvent[] {
  let throws = 0;
  const dice = () => uniform(seed, throws++);
  const usual = kinds.filter((kind) => kind !== 'cancel');
  const draw = (from: readonly Kind[], begin: number): ChaosEvent => ({
    kind: from[Math.floor(dice() * from.length)] as Kind,
    atReceived: Math.floor((begin + dice() * (0.95 - begin)) * requests),
    delayMs: Math.floor(dice() * 300),
    dice: dice(),
  });
  const drawn = usual.length === 0 ? [] : Array.from({ length: events }, () => draw(usual, 0));
  drawn.sort((a, b) => a.atReceived - b.atReceived);
  if (!kinds.includes('cancel')) return drawn;
  const end = draw(['cancel'], 0.3);
  return [...drawn.filter(({ atReceived }) => atReceived < end.atReceived), end];
}
