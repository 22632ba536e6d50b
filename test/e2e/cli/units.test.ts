/** Parts of the command line by themselves: how numbers read, run ids, rates, option notations. */
import { stripVTControlCharacters } from 'node:util';
import { UpriverError } from '../../../src/core/errors.ts';
import { noRows } from '../../../src/core/outcomes.ts';
import type { RunRecord } from '../../../src/core/store.ts';
import { asRows } from '../../../src/core/tolerance.ts';
import { createConsole } from '../../../src/cli/console.ts';
import { exitCodeOfError } from '../../../src/cli/exit-codes.ts';
import { duration, outcomes, rate } from '../../../src/cli/format.ts';
import { collectInput } from '../../../src/cli/options.ts';
import { rateMeter, type StepProgress } from '../../../src/cli/progress.ts';
import { plainProgress } from '../../../src/cli/progress-plain.ts';
import { emptyDocument, type RunDocument } from '../../../src/cli/run-view.ts';
import { showErrors } from '../../../src/cli/summary.ts';
import { findRun, newRunId } from '../../../src/cli/run-ids.ts';
import { parseFaults, parseLatency, parseLimit, parsePort } from '../../../src/cli/sandbox-options.ts';
import { openStore } from '../../../src/state/index.ts';

test.each([
  [0, '0 ms'],
  [999, '999 ms'],
  [4_240, '4.2 s'],
  [59_960, '1m 0s'],
  [200_400, '3m 20s'],
  [7_500_000, '2h 5m'],
  [97_200_000, '1d 3h'],
])('%d ms reads %s', (ms, text) => {
  expect(duration(ms)).toBe(text);
});

test('counts name only what occurred', () => {
  expect(outcomes({ ...noRows(), read: 1500, delivered: 1480, not_attempted: 20 })).toBe(
    'delivered 1,480, not attempted 20',
  );
  expect(outcomes({ ...noRows(), read: 20, not_attempted: 20 }, ['not_attempted'])).toBe('');
  expect([rate(0.25), rate(61.7)]).toEqual(['0.3', '62']);
});

test('a rate is that of the last ten seconds', () => {
  const meter = rateMeter();
  expect(meter(0, 0)).toBeNull();
  expect(meter(500, 1_000)).toBe(500);
  for (let second = 2; second <= 30; second++) meter(500, second * 1_000);
  expect(meter(600, 31_000)).toBeCloseTo(10, 5);
});

test('run ids sort by time and tell the river', () => {
  expect(newRunId('trial-deals', new Date('2026-11-22T17:44:17.123Z'))).toMatch(
    /^trial-deals-20261122T174417-[0-9a-z]{4}$/,
  );
});

test('a run is found by its id, a unique beginning, its river, or as the last one', async () => {
  await using store = await openStore({ path: ':memory:' });
  const add = (id: string, river: string, startedAt: number, startedBy = 'cli') =>
    store.createRun({
      id,
      river,
      status: 'running',
      startedAt,
      endedAt: null,
      inputs: {},
      startedBy,
      error: null,
      values: null,
      expiresAt: null,
    });
  await add('a-1', 'a', 1);
  await add('a-2', 'a', 2);
  await add('b-1', 'b', 3);
  await add('c-child', 'c', 4, 'river:b-1');
  const found = async (wanted: string) => (await findRun(store, wanted)).id;
  expect(await Promise.all(['a-1', 'b-', 'a', 'last', 'c'].map(found))).toEqual([
    'a-1',
    'b-1',
    'a-2',
    'b-1',
    'c-child',
  ]);
  await expect(found('a-')).rejects.toMatchObject({ code: 'USAGE', hint: expect.stringContaining('a-2, a-1') });
  await expect(found('d')).rejects.toMatchObject({ code: 'USAGE', message: "There is no run 'd'." });
  // Of a run that has not begun Temporal alone knows.
  const [begun] = await store.listRuns({ river: 'a', limit: 1 });
  const waiting = [{ ...(begun as RunRecord), id: 'a-3', startedAt: 9 }];
  expect(
    await Promise.all(['a', 'last', 'a-3', 'a-1'].map(async (w) => (await findRun(store, w, waiting)).id)),
  ).toEqual(['a-3', 'a-3', 'a-3', 'a-1']);
});

test('an error that containers failed by is shown once, and its hint names the run', () => {
  const error = { code: 'AUTH_401', message: 'no', hint: 'Then: `upriver retry RUN`.' };
  const step = { attempts: 1, duration_ms: 1, status: 'failed', error } as const;
  const run: RunDocument = {
    ...emptyDocument('r-1', 'r'),
    status: 'failed',
    steps: [
      { ...step, id: 'outer', type: 'sequence' },
      { ...step, id: 'inner', type: 'loop' },
    ],
    error,
  };
  const lines: string[] = [];
  showErrors({ ...createConsole(true), warn: (line) => void lines.push(stripVTControlCharacters(line)) }, run);
  expect(lines).toEqual(['inner  AUTH_401  no', '  → Then: `upriver retry r-1`.']);
});

test('plain progress tells what happened in its order: a container ends after what is in it', () => {
  const lines: string[] = [];
  const view = plainProgress({ ...createConsole(true), say: (line) => void lines.push(line ?? '') });
  const step = (stepId: string, startedAt: number, endedAt: number): StepProgress => ({
    ...{ perSecond: null, leftMs: null, note: null },
    step: {
      ...{ runId: 'r', stepId, type: 'sql', status: 'succeeded', attempts: 1, startedAt, endedAt },
      ...{ rows: null, requests: null, error: null },
    },
  });
  view.update([step('both', 10, 30), step('a', 10, 20), step('b', 11, 30), step('next', 40, 50)], 60);
  expect(lines.map((line) => line.split(' in ')[0])).toEqual([
    ...['both: started', 'a: started', 'b: started', 'a: succeeded', 'b: succeeded', 'both: succeeded'],
    ...['next: started', 'next: succeeded'],
  ]);
  view.update([step('next', 40, 50)], 70);
  expect(lines).toHaveLength(8);
});

test('percentages of a retry are of the rows at first', () => {
  expect(asRows({ percent: 2 }, 149, 'more')).toEqual({ rows: 2 });
  expect(asRows({ percent: 2 }, 149, 'as')).toEqual({ rows: 3 });
  expect(asRows({ percent: 0 }, 149, 'as')).toEqual({ rows: 1 });
  expect(asRows({ rows: 7 }, 149, 'more')).toEqual({ rows: 7 });
});

test.each([
  ['RIVER_UNKNOWN_KEY', 2],
  ['CONFIG_SECRET_MISSING', 2],
  ['SECRET_IN_FILE', 2],
  ['USAGE', 2],
  ['STATE_URL', 2],
  ['STATE_UNREACHABLE', 5],
  ['CONFIG_TEMPORAL_UNREACHABLE', 5],
  ['CONFIG_NO_TEMPORAL', 5],
  ['CONFIG_NO_HOST', 5],
  ['AUTH_REFUSED', 1],
  ['INTERNAL_UNEXPECTED', 1],
] as const)('%s exits with %d', (code, exit) => {
  expect(exitCodeOfError(new UpriverError(code, 'x'))).toBe(exit);
});

test('inputs are collected; the value may hold an equals sign', () => {
  expect(collectInput('where=a=b', collectInput('day=1'))).toEqual({ day: '1', where: 'a=b' });
  expect(() => collectInput('=b')).toThrow(/no name/);
});

test('notations of the practice HubSpot', () => {
  expect(parseLimit('190/10s')).toEqual({ requests: 190, perMs: 10_000, daily: null });
  expect(parseLimit('none')).toBeNull();
  expect(parseLatency('20ms-300ms')).toEqual({ minMs: 20, maxMs: 300 });
  expect(parseLatency('5ms')).toEqual({ minMs: 5, maxMs: 5 });
  expect(parseFaults('500=2%,reset_after=0.01')).toEqual({ rates: { 500: 0.02, reset_after: 0.01 } });
  const wrong = [
    () => parseLimit('fast'),
    () => parseLimit('5'),
    () => parseLatency('5'),
    () => parseFaults('500'),
    () => parseFaults('x=1%'),
    () => parseFaults('500=80%,503=40%'),
    () => parsePort('65536'),
  ];
  for (const parse of wrong)
    expect(parse).toThrow(expect.objectContaining({ code: 'USAGE', hint: expect.any(String) }));
});
