/** `upriver schedules …`: makes Temporal's schedules match the files, and handles those that are there. */
import type { Command } from 'commander';
import { UpriverError } from '../../core/errors.ts';
import type { Project } from '../../language/index.ts';
import { asUnreachable } from '../../temporal/client.ts';
import { openRuntime, type ProjectRuntime } from '../../temporal/project-runtime.ts';
import {
  applySchedules,
  dueTimes,
  type ListedSchedule,
  listSchedules,
  planSchedules,
  type ScheduleChange,
} from '../../temporal/schedules.ts';
import { wantedSchedules } from '../wanted-schedules.ts';
import { action, type CommandContext, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { EXIT } from '../exit-codes.ts';
import { plural, timestamp } from '../format.ts';
import { openLog } from '../log.ts';
import { parseTime } from '../options.ts';
import { loadProjectSettings, loadValidProject } from '../project.ts';
import { table } from '../tables.ts';

export function schedulesCommand(): Command {
  return newCommand(
    'schedules',
    'make Temporal’s schedules match the files; list, pause, resume, trigger, backfill them',
  )
    .addCommand(applyCommand())
    .addCommand(listCommand())
    .addCommand(
      handleCommand('pause', 'stop a schedule (or all of a river) from starting runs', (handle) =>
        handle.pause('paused by upriver'),
      ),
    )
    .addCommand(
      handleCommand('resume', 'let a paused schedule start runs again', (handle) =>
        handle.unpause('resumed by upriver'),
      ),
    )
    .addCommand(handleCommand('trigger', 'start a schedule’s run now', (handle) => handle.trigger()))
    .addCommand(backfillCommand());
}

function applyCommand(): Command {
  return newCommand('apply', 'create, change and delete schedules until they match the files')
    .option('--dry-run', 'only say what would change')
    .action(
      action<{ dryRun?: boolean }>(async (context, _args, { dryRun }) => {
        const project = await loadValidProject(context.projectDir);
        const wanted = wantedSchedules(project);
        await using runtime = await reach(context, project, true);
        const changes = dryRun ? await planSchedules(runtime, wanted) : await applySchedules(runtime, wanted);
        if (context.console.json) context.console.document({ changes });
        else if (changes.length === 0) context.console.say('No river has schedules.');
        else showChanges(context.console, changes);
        if (runtime.role === 'host')
          context.console.say('The embedded Temporal starts them only while `upriver dev` is up.');
        return EXIT.ok;
      }),
    );
}

function listCommand(): Command {
  return newCommand('list', 'list the schedules that Temporal has').action(
    action(async (context) => {
      await using runtime = await reach(context, await loadProjectSettings(context.projectDir), true);
      const schedules = await listSchedules(runtime);
      if (context.console.json) context.console.document({ schedules });
      else if (schedules.length === 0)
        context.console.say('Temporal has none of this project. Create them: upriver schedules apply');
      else showSchedules(context.console, schedules);
      return EXIT.ok;
    }),
  );
}

type Handle = ReturnType<ProjectRuntime['client']['schedule']['getHandle']>;
/** A text that it resolves to is said too. */
type ScheduleWork = (handle: Handle, runtime: ProjectRuntime) => Promise<unknown>;

function handleCommand(name: 'pause' | 'resume' | 'trigger', description: string, work: ScheduleWork): Command {
  return newCommand(`${name} <schedule>`, description).action(
    action(async (context, [wanted = '']) =>
      onEach(context, wanted, `${name}${name.endsWith('e') ? 'd' : 'ed'}`, work),
    ),
  );
}

function backfillCommand(): Command {
  return newCommand('backfill <schedule>', 'start the runs that a schedule would have started in a span of time')
    .requiredOption('--from <time>', 'ISO time, as in 2026-11-01T00:00:00Z', parseTime)
    .requiredOption('--to <time>', 'ISO time', parseTime)
    .action(
      action<Span>(async (context, [wanted = ''], span) => {
        if (span.from > span.to)
          throw new UpriverError('USAGE', '--from is later than --to.', { hint: 'Give the earlier time as --from.' });
        return onEach(context, wanted, 'backfilled', (handle, runtime) => backfill(handle, runtime, span));
      }),
    );
}

interface Span {
  from: Date;
  to: Date;
}

async function backfill(handle: Handle, runtime: ProjectRuntime, { from, to }: Span): Promise<string> {
  const due = await dueTimes(runtime, { scheduleId: handle.scheduleId, from, to });
  if (due > 0) await handle.backfill({ start: from, end: to, overlap: 'BUFFER_ALL' });
  return due > 0 ? `${plural(due, 'run')}, one after the other` : 'no run is due in that time';
}

/** Does something to a schedule by id, or to all of a river. */
async function onEach(context: CommandContext, wanted: string, done: string, work: ScheduleWork): Promise<number> {
  await using runtime = await reach(context, await loadProjectSettings(context.projectDir), false);
  const schedules = (await listSchedules(runtime)).filter(({ id, river }) => id === wanted || river === wanted);
  if (schedules.length === 0) {
    throw new UpriverError('USAGE', `There is no schedule '${wanted}' in Temporal.`, {
      hint: 'Name one by its id or its river, as `upriver schedules list` shows them; `upriver schedules apply` creates those of the files.',
    });
  }
  for (const { id } of schedules) {
    const more = await work(runtime.client.schedule.getHandle(id), runtime).catch((error) => {
      throw asUnreachable(error);
    });
    context.console.say(`${id}  ${done}${typeof more === 'string' ? `: ${more}` : ''}`);
  }
  if (context.console.json) context.console.document({ schedules: schedules.map(({ id }) => ({ id, [done]: true })) });
  return EXIT.ok;
}

async function reach({ console, env }: CommandContext, project: Project, host: boolean): Promise<ProjectRuntime> {
  const { log } = await openLog(project.dir);
  return openRuntime({ project, env, log, host, worker: 'never', onNote: (text) => console.note(text) });
}

function showChanges(console: Console, changes: readonly ScheduleChange[]): void {
  const rows = changes.map(({ id, change, cron, timezone }) => [change, id, cron, timezone]);
  console.say(table(console, [{ head: 'change' }, { head: 'schedule' }, { head: 'cron' }, { head: 'timezone' }], rows));
}

function showSchedules(console: Console, schedules: readonly ListedSchedule[]): void {
  const columns = ['schedule', 'cron', 'timezone', 'state', 'next', 'last'].map((head) => ({ head }));
  const rows = schedules.map((schedule) => [
    schedule.id,
    schedule.cron,
    schedule.timezone,
    schedule.paused ? 'paused' : 'active',
    schedule.next ? timestamp(schedule.next.getTime()) : '',
    schedule.last ? timestamp(schedule.last.getTime()) : '',
  ]);
  console.say(table(console, columns, rows));
}
