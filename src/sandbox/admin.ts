/** The admin API under /_sandbox/: what `Sandbox` can do, for other processes. Needs no token, knows no limits. */
import type { ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { UpriverError } from '../core/errors.ts';
import type { DealReport } from './deals.ts';
import type { Sandbox } from './sandbox.ts';
import { SeedInput } from './settings.ts';

interface AdminRequest {
  method: string;
  url: string;
  text: string;
}

const LINES_PER_PIECE = 1000;

export async function answerAdmin(sandbox: Sandbox, request: AdminRequest, res: ServerResponse): Promise<void> {
  const { pathname, searchParams } = new URL(request.url, sandbox.url);
  const asked = `${request.method} ${pathname.slice('/_sandbox'.length)}`;
  try {
    if (asked === 'GET /deals') return await sendLines(res, sandbox.deals());
    const last = searchParams.get('last');
    const answer = act(sandbox, { asked, text: request.text, last: last === null ? undefined : Number(last) });
    sendJson(res, answer === undefined ? 404 : 200, answer ?? { error: `nothing to ${asked} here` });
  } catch (error) {
    if (res.headersSent) return;
    sendJson(res, error instanceof UpriverError || error instanceof SyntaxError ? 400 : 500, { error: String(error) });
  }
}

interface Action {
  asked: string;
  text: string;
  last: number | undefined;
}

/** The answer as JSON; undefined if there is no such action. */
function act(sandbox: Sandbox, { asked, text, last }: Action): unknown {
  switch (asked) {
    case 'GET /state':
      return sandbox.state();
    case 'GET /settings':
      return sandbox.settings;
    case 'PUT /settings':
      sandbox.set(JSON.parse(text));
      return sandbox.settings;
    case 'POST /deals':
      sandbox.seed(readSeed(text));
      return sandbox.state().deals;
    case 'GET /log':
      return sandbox.log(last);
    case 'POST /reset':
      sandbox.reset();
      return sandbox.state();
  }
  const prefix = 'GET /deals/';
  return asked.startsWith(prefix) ? sandbox.deal(decodeURIComponent(asked.slice(prefix.length))) : undefined;
}

function readSeed(text: string): SeedInput {
  const parsed = SeedInput.safeParse(JSON.parse(text));
  if (parsed.success) return parsed.data;
  throw new UpriverError('CONFIG_SANDBOX', 'these deals cannot be added', {
    hint: 'Send {"first": 1, "count": 500} or {"deals": [{"id": "7", "properties": {"amount": "1"}}]}',
  });
}

function sendJson(res: ServerResponse, status: number, value: unknown): void {
  res.writeHead(status, { 'Content-Type': 'application/json' }).end(`${JSON.stringify(value)}\n`);
}

/** One JSON document a line: a million deals need no memory here. */
async function sendLines(res: ServerResponse, reports: Iterable<DealReport>): Promise<void> {
  res.writeHead(200, { 'Content-Type': 'application/x-ndjson' });
  await pipeline(Readable.from(pieces(reports)), res);
}

function* pieces(reports: Iterable<DealReport>): Generator<string> {
  let lines: string[] = [];
  for (const report of reports) {
    lines.push(JSON.stringify(report));
    if (lines.length < LINES_PER_PIECE) continue;
    yield `${lines.join('\n')}\n`;
    lines = [];
  }
  if (lines.length > 0) yield `${lines.join('\n')}\n`;
}
