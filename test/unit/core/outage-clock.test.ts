import { noteOutage, type OutageClock, outagePause } from '../../../src/core/outage-clock.ts';
import { noRows, type RowCounts } from '../../../src/core/outcomes.ts';

const HOUR = 3_600_000;
const AFRESH: OutageClock = { outageSince: null };

interface Probes {
  hours: number;
  /** What a probe settles. */
  settles: keyof RowCounts | null;
  from?: OutageClock;
}

/** Probes of a destination that stays away; each carries on as new, so the clock travels as JSON. */
function probesIn({ hours, settles, from = AFRESH }: Probes): { probes: number; lasted: number } {
  let clock = from;
  let probes = 0;
  for (let now = 0; now < hours * HOUR; probes++) {
    const rows = { ...noRows(), delivered: 500 };
    if (settles) rows[settles] += probes;
    const noted = noteOutage(clock, rows, now);
    clock = JSON.parse(JSON.stringify(noted)) as OutageClock;
    now += outagePause(now - noted.outageSince);
    if (now >= hours * HOUR) return { probes, lasted: now - noted.outageSince };
  }
  throw new Error('unreachable');
}

describe('the clock of an outage', () => {
  test.each(['unknown', 'unchanged', 'skipped', null] as const)('runs on while probes settle: %s', (settles) => {
    const { probes, lasted } = probesIn({ hours: 1, settles });
    expect(probes).toBeLessThan(45);
    expect(lasted).toBeGreaterThanOrEqual(HOUR);
  });

  test.each(['delivered', 'rejected', 'failed'] as const)('begins anew where a row was %s in between', (settles) => {
    const { lasted } = probesIn({ hours: 0.01, settles });
    expect(lasted).toBe(1_000);
  });

  test('runs on for a carry of an earlier version', () => {
    const { outageSince } = noteOutage({ outageSince: 5 }, { ...noRows(), delivered: 500 }, HOUR);
    expect(outageSince).toBe(5);
  });
});
