/** upriver.yaml → settings. Without the file everything is embedded. */
import type { Json, Reference, Resolvable } from '../contracts/plan.ts';
import { parseWith } from './parse.ts';
import type { FileProblems } from './problems.ts';
import { UpriverFile } from './schema/upriver.ts';

export interface TlsSettings {
  serverName: string | null;
  /** PEM texts, by reference. */
  ca: Reference | null;
  cert: Reference | null;
  key: Reference | null;
}

export interface Settings {
  temporal: {
    /** null: embedded, unless TEMPORAL_ADDRESS is set. */
    address: string | null;
    namespace: string;
    taskQueue: string;
    /** null: no TLS. */
    tls: TlsSettings | null;
    apiKey: Reference | null;
  };
  /** null: SQLite under .upriver/. */
  state: { url: Resolvable<string> | null };
  retentionMs: number;
}

export function compileSettings(value: Json, file: FileProblems | null): Settings {
  const parsed = (file ? parseWith(UpriverFile, value ?? {}, { file, path: [] }) : undefined) ?? UpriverFile.parse({});
  const { temporal, state, retention } = parsed;
  return {
    temporal: {
      address: temporal.address ?? null,
      namespace: temporal.namespace,
      taskQueue: temporal.task_queue,
      tls: tlsSettings(temporal.tls),
      apiKey: temporal.api_key ?? null,
    },
    state: { url: state.url ?? null },
    retentionMs: retention,
  };
}

function tlsSettings(tls: UpriverFile['temporal']['tls']): TlsSettings | null {
  if (tls === false) return null;
  const { server_name: serverName, ca, cert, key } = tls === true ? {} : tls;
  return { serverName: serverName ?? null, ca: ca ?? null, cert: cert ?? null, key: key ?? null };
}
