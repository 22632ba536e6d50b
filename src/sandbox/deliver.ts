/** Puts an answer on the wire: whole, or spoilt as a fault wants it. */
import type { ServerResponse } from 'node:http';
import { gzipSync } from 'node:zlib';
import type { Call } from './call.ts';
import type { Reply } from './replies.ts';
import type { Faults } from './settings.ts';

const JSON_TYPE = 'application/json;charset=utf-8';
const SLOW_PIECES = 20;

/** Sends the reply. True: the caller gets the true and whole answer, as far as this side can know. */
export async function deliver(call: Call, res: ServerResponse, { reply, limits, faults }: Delivery): Promise<boolean> {
  if (res.destroyed) return false;
  const head: Head = { call, res, reply, limits };
  if (reply.body === '') return send(head, '');
  switch (call.fault) {
    case 'slow_body':
      return sendSlowly(head, faults.slowBodyMs);
    case 'truncated_json':
      send(head, Buffer.from(reply.body.slice(0, reply.body.length / 2)));
      return false;
    case 'cut_body':
      return sendHalf(head);
    case 'gzip':
      return send(head, gzipSync(reply.body), ['Content-Encoding', 'gzip']);
    case 'wrong_type':
      return send({ ...head, reply: { ...reply, contentType: 'text/plain' } }, Buffer.from(reply.body));
    case 'huge':
      return send(head, Buffer.from(padded(reply.body, faults.hugeBytes)));
    default:
      return send(head, reply.body);
  }
}

export interface Delivery {
  reply: Reply;
  /** Rate-limit headers, names and values in turn. */
  limits: readonly string[];
  faults: Faults;
}

interface Head {
  call: Call;
  res: ServerResponse;
  reply: Reply;
  limits: readonly string[];
}

function send(head: Head, body: string | Buffer, extra: readonly string[] = []): boolean {
  writeHead(head, typeof body === 'string' ? Buffer.byteLength(body) : body.length, extra);
  head.res.end(body);
  return true;
}

function writeHead({ call, res, reply, limits }: Head, length: number, extra: readonly string[] = []): void {
  const headers = ['X-HubSpot-Correlation-Id', call.correlationId, ...limits, ...extra];
  if (reply.headers) headers.push(...reply.headers);
  if (reply.status !== 204)
    headers.push('Content-Type', reply.contentType ?? JSON_TYPE, 'Content-Length', String(length));
  res.writeHead(reply.status, headers);
}

/** Announces the whole, sends half and breaks the connection. */
function sendHalf(head: Head): Promise<boolean> {
  const body = Buffer.from(head.reply.body);
  writeHead(head, body.length);
  return new Promise((done) => {
    head.res.write(body.subarray(0, Math.floor(body.length / 2)), () => {
      head.res.destroy();
      done(false);
    });
  });
}

async function sendSlowly(head: Head, overMs: number): Promise<boolean> {
  const { res } = head;
  const body = Buffer.from(head.reply.body);
  writeHead(head, body.length);
  const size = Math.max(1, Math.ceil(body.length / SLOW_PIECES));
  for (let sent = 0; sent < body.length && !res.destroyed; sent += size) {
    res.write(body.subarray(sent, sent + size));
    await new Promise((done) => setTimeout(done, overMs / SLOW_PIECES));
  }
  if (res.destroyed) return false;
  res.end();
  return true;
}

/** The same JSON object, made larger by a property nobody asked for. */
function padded(body: string, bytes: number): string {
  return `{"padding":"${'x'.repeat(bytes)}",${body.slice(1)}`;
}
