/** The state store on PostgreSQL, and what only a server can do wrong. */
import { connect, createServer, type Socket } from 'node:net';
import pg from 'pg';
import { openStore } from '../../../src/state/index.ts';
import { type Postgres, startPostgres } from '../../helpers/postgres.ts';
import { aCommit, aLoop, KEY, states } from './loop-cases.ts';
import { aRun } from './run-cases.ts';
import { testStateStore } from './suite.ts';

let postgres: Postgres;

beforeAll(async () => {
  postgres = await startPostgres();
});
afterAll(() => postgres.stop());

testStateStore('PostgreSQL', async () => ({ url: await postgres.freshDatabase() }));

test('a server that is not there is an error that goes away by waiting', async () => {
  const opening = openStore({ url: 'postgres://user:hidden-word@127.0.0.1:1/db' });
  await expect(opening).rejects.toMatchObject({
    code: 'STATE_UNREACHABLE',
    retry: true,
    message: expect.not.stringContaining('hidden-word'),
  });
});

test('a database that is not there is named', async () => {
  const url = postgres.url.replace(/[^/]*$/, 'no_such_database');
  await expect(openStore({ url })).rejects.toMatchObject({ code: 'STATE_NO_DATABASE', retry: false });
});

test('a user without rights is told so', async () => {
  const url = await postgres.freshDatabase();
  await query(url, 'CREATE ROLE guest LOGIN');
  const opening = openStore({ url: url.replace('postgres@', 'guest@') });
  await expect(opening).rejects.toMatchObject({ code: 'STATE_DENIED', retry: false });
});

test('a connection that breaks is an error that goes away by trying again', async () => {
  const url = await postgres.freshDatabase();
  const store = await openStore({ url });
  await store.createRun(aRun('r1'));
  const blocked = await lockRuns(url);
  const update = store.updateRun('r1', { status: 'failed' }).catch((error) => error);
  await blocked.endOthers();
  expect(await update).toMatchObject({ code: 'STATE_UNREACHABLE', retry: true });
  await blocked.release();
  await store.updateRun('r1', { status: 'failed' });
  expect(await store.getRun('r1')).toMatchObject({ status: 'failed' });
  await store[Symbol.asyncDispose]();
});

test('a commit whose answer was lost is sent again and counts once', async () => {
  const url = await postgres.freshDatabase();
  const direct = await openStore({ url });
  const line = await proxyTo(url);
  const store = await openStore({ url: line.url });
  const epoch = await aLoop(store, [1]);
  const chunks = [{ chunk: 0, states: states('delivered') }];
  const commit = aCommit(epoch, { chunks, requests: 3, seq: { writer: 'a', number: 1 } });
  line.dropAnswers();
  const lost = store.commitLoop(commit).catch((error) => error);
  while ((await direct.countLoop(KEY)).requests === 0) {}
  line.cut();
  expect(await lost).toMatchObject({ code: 'STATE_UNREACHABLE', retry: true });
  expect(await store.commitLoop(commit)).toBe(true);
  expect(await store.countLoop(KEY)).toMatchObject({ requests: 3, rows: { delivered: 1 } });
  await store[Symbol.asyncDispose]();
  await direct[Symbol.asyncDispose]();
  await line.close();
});

test('a store of a newer upriver is left alone', async () => {
  const url = await postgres.freshDatabase();
  await (await openStore({ url }))[Symbol.asyncDispose]();
  await query(url, 'UPDATE upriver.schema_version SET version = 9999');
  await expect(openStore({ url })).rejects.toMatchObject({ code: 'STATE_NEWER', retry: false });
});

async function query(url: string, sql: string): Promise<pg.QueryResult> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return await client.query(sql);
  } finally {
    await client.end();
  }
}

/** Holds a lock on the runs, so that a write waits; `endOthers` ends whoever is found waiting. */
async function lockRuns(url: string) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  await client.query('BEGIN; LOCK TABLE upriver.runs IN EXCLUSIVE MODE');
  return {
    async endOthers() {
      const sql =
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
      while ((await query(url, sql)).rowCount === 0) {}
    },
    async release() {
      await client.query('ROLLBACK');
      await client.end();
    },
  };
}

/** A line to the server that can lose what the server says, and be cut. */
async function proxyTo(url: string) {
  const target = new URL(url);
  const { hostname } = target;
  const port = Number(target.port);
  const sockets = new Set<Socket>();
  let drop = false;
  const proxy = createServer((client) => {
    const server = connect(port, hostname);
    client.on('data', (data) => server.write(data));
    server.on('data', (data) => drop || client.write(data));
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => other.destroy());
    }
  });
  await new Promise<void>((resolve) => proxy.listen(0, '127.0.0.1', resolve));
  const cut = () => {
    drop = false;
    for (const socket of sockets) socket.destroy();
    sockets.clear();
  };
  target.port = String((proxy.address() as { port: number }).port);
  return {
    url: target.href,
    dropAnswers() {
      drop = true;
    },
    cut,
    async close() {
      cut();
      await new Promise((resolve) => proxy.close(resolve));
    },
  };
}
