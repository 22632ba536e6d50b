/** What a command may write to: people's text or one JSON document, never both on stdout. */
import { styleText } from 'node:util';

export interface Console {
  readonly json: boolean;
  /** Progress may redraw itself. */
  readonly live: boolean;
  /** A line for people; under --json it goes to nobody. */
  say(line?: string): void;
  /** A line that matters under --json too: on stderr there. */
  note(line: string): void;
  /** A line on stderr, always. */
  warn(line: string): void;
  /** The one JSON document. */
  document(value: unknown): void;
  /** Raw text on stdout, waiting while the reader is slow. */
  write(text: string): Promise<void>;
  readonly out: Style;
  readonly err: Style;
}

type Format = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'cyan';
/** Colours only where the stream is a terminal and NO_COLOR is not set. */
export type Style = (format: Format, text: string) => string;

export function createConsole(json: boolean): Console {
  const { stdout, stderr } = process;
  const say = (line = '') => void stdout.write(`${line}\n`);
  const warn = (line: string) => void stderr.write(`${line}\n`);
  return {
    json,
    live: !json && stdout.isTTY === true && stdout.rows > 0,
    say: json ? () => {} : say,
    note: json ? warn : say,
    warn,
    document: (value) => void stdout.write(`${JSON.stringify(value, null, 2)}\n`),
    write: (text) => new Promise((done) => (stdout.write(text) ? done() : stdout.once('drain', done))),
    out: (format, text) => styleText(format, text, { stream: stdout }),
    err: (format, text) => styleText(format, text, { stream: stderr }),
  };
}
