/** connections.yaml: warehouses and APIs. */
import * as z from 'zod';
import { AnyText, DatabaseUrl, Duration, Env, File, Reference, resolvable, say, Text } from './common.ts';

const Integer = resolvable(z.int().min(1));
const Truth = resolvable(z.boolean());
const PlainText = resolvable(Text);
const TextList = resolvable(z.array(PlainText).min(1));

export const DuckdbConnection = z
  .strictObject({
    type: z.literal('duckdb'),
    path: PlainText.describe('The database file, relative to the project, or :memory:'),
    attach: z
      .record(z.string(), PlainText)
      .optional()
      .describe('More database files, by the name that SQL knows them by'),
    create: Truth.optional().describe(
      'Whether files that are not there yet are made, in folders that are; default true',
    ),
  })
  .describe('DuckDB, the embedded warehouse');

export const PostgresConnection = z
  .strictObject({
    type: z.literal('postgres'),
    url: DatabaseUrl.optional().describe('postgres://user@host:port/database; by reference if it holds a password'),
    host: PlainText.optional(),
    port: resolvable(z.int().min(1).max(65_535)).optional(),
    database: PlainText.optional(),
    username: PlainText.optional(),
    password: Reference.optional(),
    schema: PlainText.optional().describe('First schema of the search path'),
    ssl: z
      .union([
        z.boolean(),
        Env,
        File,
        z.strictObject({
          ca: Reference.optional(),
          cert: Reference.optional(),
          key: Reference.optional(),
          verify: Truth.optional(),
        }),
      ])
      .optional()
      .describe('true: encrypted, and the certificate checked; goes before what the URL says (sslmode, as in psql)'),
    max_connections: Integer.optional().describe('At once, per worker process; default 10'),
  })
  .describe('PostgreSQL');

export const SnowflakeConnection = z
  .strictObject({
    type: z.literal('snowflake'),
    account: PlainText,
    username: PlainText.optional(),
    password: Reference.optional(),
    token: Reference.optional().describe('A programmatic access token'),
    private_key: Reference.optional(),
    passphrase: Reference.optional().describe('Of the private key'),
    oauth: z
      .strictObject({
        token: Reference.optional(),
        token_url: PlainText.optional(),
        client_id: PlainText.optional(),
        client_secret: Reference.optional(),
        scope: PlainText.optional(),
      })
      .optional(),
    warehouse: PlainText.optional(),
    database: PlainText.optional(),
    schema: PlainText.optional(),
    role: PlainText.optional(),
    access_url: PlainText.optional().describe('Another address of the account, for private links and proxies'),
  })
  .describe('Snowflake');

const Auth = z
  .discriminatedUnion('type', [
    z.strictObject({ type: z.literal('none') }),
    z.strictObject({ type: z.literal('bearer'), token: Reference }),
    z.strictObject({ type: z.literal('basic'), username: PlainText, password: Reference }),
    z.strictObject({
      type: z.literal('api_key'),
      in: resolvable(z.enum(['header', 'query'])).default('header'),
      name: PlainText.describe('Of the header or the parameter'),
      key: Reference,
    }),
    z.strictObject({
      type: z.literal('oauth2_client_credentials'),
      token_url: PlainText,
      client_id: PlainText,
      client_secret: Reference,
      scopes: resolvable(z.array(PlainText)).default([]),
      audience: PlainText.optional(),
    }),
    z.strictObject({
      type: z.literal('oauth2_refresh'),
      token_url: PlainText,
      client_id: PlainText,
      client_secret: Reference,
      refresh_token: Reference,
    }),
  ])
  .describe('How requests say who they are');
export type Auth = z.infer<typeof Auth>;

export const Limit = z
  .strictObject({
    requests: resolvable(
      z
        .int()
        .min(
          1,
          say('a limit lets at least one request through', 'Write how many requests the API takes, for example 190.'),
        ),
    ),
    per: resolvable(Duration),
    paths: TextList.optional().describe('Only requests to paths that match one of these globs'),
  })
  .describe('A rolling window: never more requests in any span of this length');

const HttpFields = {
  headers: z.record(z.string(), resolvable(AnyText)).default({}).describe('Sent with every request'),
  limits: z.array(Limit).optional().describe('All hold, across every river and worker that uses this connection'),
  reserve: resolvable(z.string().regex(/^\d{1,2}(\.\d+)?%$/, say('a reserve is a share', 'Write it like 10%.')))
    .default('0%')
    .describe('Share of each limit that is left to other programs'),
  max_in_flight: Integer.default(20).describe('Requests at once, per worker process'),
  timeout: resolvable(Duration).prefault('30s').describe('Longest wait for an answer'),
};
const BaseUrl = resolvable(
  Text.regex(/^https?:\/\/[^\s?#]+$/, say('this is not an http(s) URL', 'Write https://api.example.com.')).refine(
    (url) => !/^\w+:\/\/[^/]*@/.test(url),
    say('the URL holds a name or password', 'Use auth: { type: basic, … }.', 'SECRET_IN_FILE'),
  ),
);

export const HttpConnection = z
  .strictObject({ type: z.literal('http'), base_url: BaseUrl, auth: Auth.default({ type: 'none' }), ...HttpFields })
  .describe('Any HTTP API');
export const HubspotConnection = z
  .strictObject({ type: z.literal('hubspot'), base_url: BaseUrl.optional(), auth: Auth, ...HttpFields })
  .describe('HubSpot: http with its base URL, limits and reply rules preset');

export const Connection = z.discriminatedUnion('type', [
  DuckdbConnection,
  PostgresConnection,
  SnowflakeConnection,
  HttpConnection,
  HubspotConnection,
]);
export type Connection = z.infer<typeof Connection>;

export const ConnectionsFile = z
  .record(z.string(), Connection)
  .describe('connections.yaml: each connection by its name');
