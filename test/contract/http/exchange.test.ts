/** What comes of a request on real sockets: an answer, surely nothing, or an honest "it is not known". */
import { brotliCompressSync, deflateRawSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { anytime, deadPort, httpServer, json, open, rawServer, readAll, replyOf, request } from './fixture.ts';

describe('replies', () => {
  test('method, path, query, headers and body arrive; the answer comes back', async () => {
    await using server = await httpServer(async (message, response) => {
      json(response.setHeader('X-Twice', ['a', 'b']), 201, {
        method: message.method,
        url: message.url,
        x: message.headers['x-run'],
        body: await readAll(message),
      });
    });
    await using api = await open(`${server.url}/base/`);
    expect(api.baseUrl).toBe(`${server.url}/base`);
    const sent = request(api.baseUrl, {
      method: 'PATCH',
      url: `${api.baseUrl}/deals/1?a=b`,
      headers: { 'x-run': 'r1' },
      body: '{"ä":1}',
    });
    const reply = replyOf(await api.send(sent, anytime));
    expect(reply).toMatchObject({ status: 201, truncated: false });
    expect(reply.headers['x-twice']).toBe('a, b');
    expect(JSON.parse(reply.body)).toEqual({ method: 'PATCH', url: '/base/deals/1?a=b', x: 'r1', body: '{"ä":1}' });
  });

  test('connections are kept and used again', async () => {
    const sockets = new Set<unknown>();
    await using server = await httpServer((message, response) => {
      sockets.add(message.socket);
      response.end('ok');
    });
    await using api = await open(server.url, { maxInFlight: 1 });
    for (let i = 0; i < 5; i++) replyOf(await api.send(request(server.url, { method: 'PATCH', body: '{}' }), anytime));
    expect(sockets.size).toBe(1);
  });

  test('a connection that the server has closed meanwhile is not used again', async () => {
    let closed = Promise.withResolvers<void>();
    await using server = await rawServer((socket) => {
      socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n'));
      socket.on('close', () => closed.resolve());
    });
    await using api = await open(server.url, { maxInFlight: 1 });
    for (let i = 0; i < 3; i++) {
      expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(200);
      await closed.promise;
      closed = Promise.withResolvers();
    }
  });

  test('redirects are not followed', async () => {
    let followed = 0;
    await using elsewhere = await httpServer((_message, response) => {
      followed++;
      response.end();
    });
    await using server = await httpServer((_message, response) =>
      response.writeHead(302, { location: elsewhere.url }).end(),
    );
    await using api = await open(server.url);
    expect(replyOf(await api.send(request(server.url), anytime)).status).toBe(302);
    expect(followed).toBe(0);
  });

  const packed: [string, (text: string) => Buffer][] = [
    ['gzip', gzipSync],
    ['x-gzip', gzipSync],
    ['deflate', deflateSync],
    ['deflate', deflateRawSync],
    ['br', brotliCompressSync],
    ['zstd', zstdCompressSync],
    ['gzip, br', (text) => brotliCompressSync(gzipSync(text))],
    ['identity', (text) => Buffer.from(text)],
  ];
  test.each(packed)('content-encoding %s is undone', async (encoding, pack) => {
    await using server = await httpServer((_message, response) => {
      response.writeHead(200, { 'content-encoding': encoding }).end(pack('{"grüße":"welt"}'));
    });
    await using api = await open(server.url);
    expect(replyOf(await api.send(request(server.url), anytime))).toMatchObject({
      body: '{"grüße":"welt"}',
      truncated: false,
    });
  });

  test('a body that says gzip and is not, an unknown encoding and a bomb give the status and no body', async () => {
    const bodies: Record<string, [string, Buffer]> = {
      '/broken': ['gzip', Buffer.from('not gzip')],
      '/unknown': ['compress', Buffer.from('x')],
      '/bomb': ['gzip', gzipSync(Buffer.alloc(64 * 1024 * 1024))],
    };
    await using server = await httpServer((message, response) => {
      const [encoding, body] = bodies[message.url ?? ''] ?? ['', Buffer.alloc(0)];
      response.writeHead(200, { 'content-encoding': encoding }).end(body);
    });
    await using api = await open(server.url);
    for (const path of Object.keys(bodies)) {
      const reply = replyOf(await api.send(request(server.url, { url: server.url + path }), anytime));
      expect(reply).toMatchObject({ status: 200, body: '', truncated: true });
    }
  });

  test('a body over the cap is cut, and the connection goes on being usable', async () => {
    await using server = await httpServer((message, response) => {
      if (message.url === '/big') response.end(Buffer.alloc(10_000_000, 'a'));
      else response.end('small');
    });
    await using api = await open(server.url, { maxInFlight: 1 });
    const big = replyOf(await api.send(request(server.url, { url: `${server.url}/big` }), anytime));
    expect(big).toMatchObject({ status: 200, truncated: true });
    expect(big.body).toHaveLength(8 * 1024 * 1024);
    expect(replyOf(await api.send(request(server.url), anytime)).body).toBe('small');
  });

  test('a byte order mark and bytes that are no UTF-8 do no harm', async () => {
    await using server = await httpServer((_message, response) =>
      response.end(Buffer.from([0xef, 0xbb, 0xbf, 0x41, 0xff])),
    );
    await using api = await open(server.url);
    expect(replyOf(await api.send(request(server.url), anytime)).body).toBe('A\ufffd');
  });

  test('informational answers are passed over', async () => {
    await using server = await rawServer((socket) => {
      socket.on('data', () =>
        socket.write('HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok'),
      );
    });
    await using api = await open(server.url);
    expect(replyOf(await api.send(request(server.url), anytime))).toMatchObject({ status: 200, body: 'ok' });
  });
});

describe('not sent', () => {
  test('a refused connection', async () => {
    const base = `http://127.0.0.1:${await deadPort()}`;
    await using api = await open(base);
    expect(await api.send(request(base), anytime)).toMatchObject({
      kind: 'not_sent',
      reason: 'connect',
      message: expect.stringMatching(/ECONNREFUSED/),
    });
  });

  test('a host that does not exist', async () => {
    const base = 'http://no-such-host.invalid';
    await using api = await open(base);
    expect(await api.send(request(base), anytime)).toMatchObject({ kind: 'not_sent', reason: 'connect' });
  });

  test('a TLS handshake with a server that speaks none', async () => {
    await using server = await rawServer((socket) =>
      socket.on('data', () => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')),
    );
    const base = server.url.replace('http:', 'https:');
    await using api = await open(base);
    expect(await api.send(request(base), anytime)).toMatchObject({ kind: 'not_sent', reason: 'connect' });
  });

  test('a TLS handshake that never ends', async () => {
    await using server = await rawServer(() => {});
    const base = server.url.replace('http:', 'https:');
    await using api = await open(base, { timeoutMs: 200 });
    expect(await api.send(request(base), anytime)).toMatchObject({ kind: 'not_sent', reason: 'connect' });
  });

  test('mayLeave says no: nothing is written, and the connection is still good', async () => {
    const seen: string[] = [];
    const sockets = new Set<unknown>();
    await using server = await httpServer((message, response) => {
      seen.push(message.url ?? '');
      sockets.add(message.socket);
      response.end();
    });
    await using api = await open(server.url);
    replyOf(await api.send(request(server.url, { url: `${server.url}/first` }), anytime));
    expect(await api.send(request(server.url), { ...anytime, mayLeave: () => false })).toMatchObject({
      kind: 'not_sent',
      reason: 'expired',
    });
    replyOf(await api.send(request(server.url, { url: `${server.url}/last` }), anytime));
    expect(seen).toEqual(['/first', '/last']);
    expect(sockets.size).toBe(1);
  });

  test('aborted before it left', async () => {
    await using server = await httpServer((_message, response) => response.end());
    await using api = await open(server.url);
    expect(await api.send(request(server.url), { ...anytime, signal: AbortSignal.abort() })).toMatchObject({
      kind: 'not_sent',
      reason: 'aborted',
    });
  });

  test('aborted while it waits for a connection: it never leaves', async () => {
    const seen: (string | undefined)[] = [];
    let answer = () => {};
    const arrived = Promise.withResolvers<void>();
    await using server = await httpServer((message, response) => {
      seen.push(message.url);
      answer = () => response.end();
      arrived.resolve();
    });
    await using api = await open(server.url, { maxInFlight: 1 });
    const first = api.send(request(server.url, { url: `${server.url}/1` }), anytime);
    await arrived.promise;
    const stop = new AbortController();
    const second = api.send(request(server.url, { url: `${server.url}/2` }), { ...anytime, signal: stop.signal });
    stop.abort();
    expect(await second).toMatchObject({ kind: 'not_sent', reason: 'aborted' });
    answer();
    replyOf(await first);
    const third = api.send(request(server.url, { url: `${server.url}/3` }), anytime);
    while (seen.length < 2) await new Promise(setImmediate);
    answer();
    replyOf(await third);
    expect(seen).toEqual(['/1', '/3']);
  });
});

describe('lost', () => {
  const cutOff: [string, (socket: import('node:net').Socket) => void][] = [
    ['reset when the request came', (socket) => socket.on('data', () => socket.resetAndDestroy())],
    ['closed without an answer', (socket) => socket.on('data', () => socket.end())],
    ['closed in the headers', (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-le'))],
    [
      'closed in the body',
      (socket) => socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n{"a"')),
    ],
    [
      'closed between chunks',
      (socket) =>
        socket.on('data', () => socket.end('HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nab\r\n')),
    ],
    ['an answer that is no HTTP', (socket) => socket.on('data', () => socket.end('hello there\r\n\r\n'))],
  ];
  test.each(cutOff)('%s', async (_name, onSocket) => {
    await using server = await rawServer(onSocket);
    await using api = await open(server.url);
    const exchange = await api.send(request(server.url, { method: 'PATCH', body: '{}' }), anytime);
    expect(exchange).toMatchObject({ kind: 'lost', reason: 'reset' });
  });

  test('silence ends at the timeout', async () => {
    await using server = await rawServer(() => {});
    await using api = await open(server.url, { timeoutMs: 100 });
    expect(await api.send(request(server.url), anytime)).toMatchObject({ kind: 'lost', reason: 'timeout' });
  });

  test('a body that trickles ends at the timeout too', async () => {
    const timers = new Set<NodeJS.Timeout>();
    await using server = await httpServer((_message, response) => {
      response.writeHead(200);
      timers.add(setInterval(() => response.write('.'), 10));
    });
    await using api = await open(server.url, { timeoutMs: 200 });
    expect(await api.send(request(server.url), anytime)).toMatchObject({ kind: 'lost', reason: 'timeout' });
    for (const timer of timers) clearInterval(timer);
  });

  test('aborted after it left', async () => {
    const stop = new AbortController();
    await using server = await rawServer((socket) => socket.on('data', () => stop.abort()));
    await using api = await open(server.url);
    expect(await api.send(request(server.url), { ...anytime, signal: stop.signal })).toMatchObject({
      kind: 'lost',
      reason: 'aborted',
    });
  });

  test('nothing is ever sent twice by the client itself', async () => {
    let requests = 0;
    await using server = await rawServer((socket) => {
      socket.on('data', () => {
        requests++;
        socket.resetAndDestroy();
      });
    });
    await using api = await open(server.url, { maxInFlight: 4 });
    const sends = Array.from({ length: 40 }, () => api.send(request(server.url), anytime));
    const kinds = (await Promise.all(sends)).map(({ kind }) => kind);
    expect(kinds.filter((kind) => kind === 'lost')).toHaveLength(requests);
    expect(new Set(kinds)).toEqual(new Set(['lost']));
  });
});

describe('what cannot be said in HTTP', () => {
  test.each([
    ['a header with a line break', { headers: { 'x-a': 'b\r\nx-c: d' } }],
    ['a header name with a space', { headers: { 'x a': 'b' } }],
    ['a path with a space', { url: 'BASE/a b' }],
    ['a URL that is none', { url: 'nonsense' }],
    ['a URL of another kind', { url: 'ftp://127.0.0.1/x' }],
  ])('%s is the row’s error, and nothing leaves', async (_name, change) => {
    let requests = 0;
    await using server = await httpServer((_message, response) => {
      requests++;
      response.end();
    });
    await using api = await open(server.url);
    const url = 'url' in change ? change.url.replace('BASE', server.url) : `${server.url}/x`;
    await expect(api.send(request(server.url, { ...change, url }), anytime)).rejects.toMatchObject({
      code: 'ROW_REQUEST_INVALID',
    });
    expect(requests).toBe(0);
  });
});
