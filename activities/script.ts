/** Script steps: a program of the user's, JSON in on stdin, JSON out on stdout. */
import { spawn } from 'node:child_process';
import type { Activities, ScriptInput, ScriptResult } from '../src/contracts/activities.ts';
import { UpriverError } from '../src/core/errors.ts';
import { compileText, compileValue } from '../src/core/templates.ts';
import { isObject, parseExact, type Scope, toWireJson, type Value } from '../src/core/values.ts';
import { hidingRows } from '../src/delivery/hide-rows.ts';
import { type RowReader, scopeOf } from '../src/delivery/row-reader.ts';
import { createRedactor } from '../src/http/redact.ts';
import { type Attempt, runAttempt } from './attempt.ts';
import type { ActivityDeps } from './deps.ts';
import { saveRunningStep } from './steps.ts';

const MOST_OUTPUT = 1024 * 1024;
const STDERR_KEPT = 2_000;

export function scriptActivities(deps: ActivityDeps, rows: RowReader): Pick<Activities, 'runScript'> {
  return {
    runScript: (input) =>
      runAttempt({ deps, retry: input.retry, step: input.stepId }, async (attempt) => {
        const attempts = attempt.details.errors + 1;
        await saveRunningStep(deps, { ...input, stepId: input.path, type: 'script', attempts });
        const scope = await scopeOf(input, rows);
        const running = { input, call: renderCall(input, scope), attempt };
        return { attempts, outputs: await hidingRows(input.rows, scope, () => callScript(running, deps)) };
      }),
  };
}

interface Call {
  command: string[];
  stdin: string;
}

function renderCall({ command, inputs }: ScriptInput, scope: Scope): Call {
  return { command: command.map((part) => compileText(part)(scope)), stdin: toWireJson(compileValue(inputs)(scope)) };
}

interface Running {
  input: ScriptInput;
  call: Call;
  attempt: Attempt;
}

async function callScript(running: Running, deps: ActivityDeps): Promise<ScriptResult['outputs']> {
  const { input } = running;
  const { code, stdout, stderr } = await execute(running, deps);
  if (code !== 0) throw exited(input, code, await withoutSecrets(stderr, deps));
  const answer = parse(stdout);
  if (!isObject(answer)) {
    throw new UpriverError('RIVER_SCRIPT_OUTPUT', `Script step ${input.stepId} did not print a JSON object.`, {
      hint: 'Print one JSON object on stdout and nothing else there; use stderr for messages.',
    });
  }
  return Object.fromEntries(
    Object.entries(input.outputs).map(([field, variable]) => [variable, answer[field] ?? null]),
  );
}

interface Ended {
  /** null: a signal ended it. */
  code: number | null;
  stdout: string;
  stderr: string;
}

function execute({ input, call, attempt }: Running, { projectDir, env }: ActivityDeps): Promise<Ended> {
  const [program = '', ...args] = call.command;
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { cwd: projectDir, env: { ...env }, signal: attempt.cancel, stdio: 'pipe' });
    let stdout = '';
    let stderr = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      stdout += text;
      if (stdout.length > MOST_OUTPUT) child.kill();
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      stderr = (stderr + text).slice(-2 * STDERR_KEPT);
    });
    child.on('error', (cause) => reject(notStarted(input, cause)));
    child.on('close', (code) => resolve({ code, stdout, stderr }));
    // A script that does not read its input is fine.
    child.stdin.on('error', () => {});
    child.stdin.end(call.stdin);
  });
}

/** Its environment has the secrets, and what it says goes into Temporal and the store. */
async function withoutSecrets(stderr: string, { secrets, secretReferences }: ActivityDeps): Promise<string> {
  const redactor = createRedactor();
  for (const reference of secretReferences) await secrets.resolve(reference).then(redactor.add, () => {});
  return redactor.redact(stderr).slice(-STDERR_KEPT);
}

function parse(stdout: string): Value {
  try {
    return stdout.trim() === '' ? {} : parseExact(stdout);
  } catch {
    return null;
  }
}

function notStarted({ stepId, command }: ScriptInput, cause: Error): UpriverError {
  return new UpriverError('RIVER_SCRIPT_START', `Script step ${stepId} could not be started: ${cause.message}`, {
    hint: `Check that \`${command[0]}\` is installed where the worker runs; paths are relative to the project.`,
    cause,
  });
}

function exited({ stepId }: ScriptInput, code: number | null, stderr: string): UpriverError {
  const said = stderr.trim();
  return new UpriverError(
    'RIVER_SCRIPT_FAILED',
    `Script step ${stepId} ended with ${code === null ? 'a signal' : `exit code ${code}`}${said ? `: ${said}` : ', and wrote nothing on stderr'}`,
    {
      hint: 'Run it by hand with the same JSON on stdin. Set `retry` on the step if trying again can help.',
      retry: true,
    },
  );
}
