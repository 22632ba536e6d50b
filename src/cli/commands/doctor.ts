/** `upriver doctor`: what is missing on this machine, for this project, and how to mend it; 0 when nothing is. */
import type { Command } from 'commander';
import { action, newCommand } from '../command.ts';
import type { Console } from '../console.ts';
import { type Finding, inspect } from '../doctor.ts';
import { EXIT, exitCodeOf } from '../exit-codes.ts';

const MARKS = { ok: ['green', 'ok  '], warn: ['yellow', 'warn'], fail: ['red', 'fail'] } as const;

export function doctorCommand(): Command {
  return newCommand('doctor', 'look for what is missing, and how to mend it').action(
    action(async ({ console, projectDir, env }) => {
      const findings: Finding[] = [];
      for await (const finding of inspect(projectDir, env)) {
        findings.push(finding);
        show(console, finding);
      }
      const failed = findings.find((finding) => finding.state === 'fail');
      if (console.json) console.document({ ok: !failed, findings });
      if (!failed) return EXIT.ok;
      return failed.code === null ? EXIT.usage : exitCodeOf(failed.code);
    }),
  );
}

function show(console: Console, { subject, state, detail, mend }: Finding): void {
  const [colour, mark] = MARKS[state];
  console.say(`  ${console.out(colour, mark)}  ${subject.padEnd(18)}  ${detail}`);
  if (mend) console.say(`${' '.repeat(28)}${console.out('dim', '→')} ${mend}`);
}
