/** upriver.yaml: where state and Temporal live. */
import * as z from 'zod';
import { DatabaseUrl, Duration, Reference, Text } from './common.ts';

const Tls = z
  .strictObject({
    server_name: Text.optional().describe('Name that the server’s certificate must have'),
    ca: Reference.optional().describe('PEM certificates to trust'),
    cert: Reference.optional().describe('PEM certificate of the client'),
    key: Reference.optional().describe('PEM key of the client'),
  })
  .describe('TLS to the Temporal server');

export const UpriverFile = z
  .strictObject({
    temporal: z
      .strictObject({
        address: Text.regex(/^[^\s/]+:\d+$/)
          .optional()
          .describe('host:port of a Temporal server. Without it everything is embedded'),
        namespace: Text.default('default'),
        task_queue: Text.default('upriver'),
        tls: z.union([z.boolean(), Tls]).default(false),
        api_key: Reference.optional(),
      })
      .prefault({}),
    state: z
      .strictObject({
        url: DatabaseUrl.optional().describe('postgres://… for several worker machines; default: SQLite in .upriver/'),
      })
      .prefault({}),
    retention: Duration.prefault('7d').describe('How long row data and row outcomes of ended runs are kept'),
  })
  .describe('upriver.yaml');
export type UpriverFile = z.infer<typeof UpriverFile>;
