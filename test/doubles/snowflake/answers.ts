/** Bodies of the server's answers, as the driver's sources want them. */
import { gunzipSync } from 'node:zlib';
import { failure } from './failures.ts';
import type { Query, Session } from './queries.ts';

const SELECT = 4096;

export function accepted(data: object | null, code: string | null = null): object {
  return { success: true, code, message: null, data };
}

export function refusal(code: string, message: string, sqlState?: string, query?: Query): object {
  const { line, position: pos } = query?.failure ?? failure(code, '', message);
  const state = sqlState ?? null;
  const about = { internalError: false, errorCode: code, age: 0, sqlState: state, queryId: query?.id, line, pos };
  return { success: false, code, message, data: { ...about, type: 'COMPILATION' } };
}

export function refusalOf(query: Query): object {
  const { code, message, sqlState } = query.failure ?? failure('300010', 'XX000', 'lost');
  return refusal(code, message, sqlState, query);
}

export function loggedIn(session: Session): object {
  return accepted({
    token: session.token,
    masterToken: session.master,
    validityInSeconds: 3_600,
    masterValidityInSeconds: 14_400,
    sessionId: session.id,
    parameters: [],
  });
}

export function renewed(session: Session): object {
  return accepted({
    sessionToken: session.token,
    masterToken: session.master,
    validityInSecondsST: 3_600,
    validityInSecondsMT: 14_400,
    sessionId: session.id,
  });
}

/** @param code 333333: ask again at once, the server waits; 333334: it runs by itself */
export function inProgress({ id }: Query, code: '333333' | '333334'): object {
  return accepted({ queryId: id, getResultUrl: `/queries/${id}/result`, queryAbortsAfterSecs: 300 }, code);
}

export function statusOf(query: Query | undefined): object {
  if (!query) return accepted({ queries: [] });
  const { id, status, request, failure: why } = query;
  return accepted({ queries: [{ id, status, sqlText: request.sql, errorMessage: why?.message ?? '' }] });
}

/** @param url of the server, for the addresses of chunks; a result of one chunk stands in the answer itself */
export function resultOf(query: Query, url: string): object {
  const { id, result, children, session } = query;
  const common = {
    queryId: id,
    parameters: [],
    statementTypeId: SELECT,
    version: 1,
    queryResultFormat: 'json',
    finalDatabaseName: session.database,
    finalSchemaName: session.schema,
    finalWarehouseName: session.warehouse,
    finalRoleName: session.role,
  };
  if (!result) {
    const resultIds = children.map((child) => child.id).join(',');
    const resultTypes = children.map(() => SELECT).join(',');
    return accepted({ ...common, resultIds, resultTypes, rowtype: [], rowset: [], total: 0, returned: 0 });
  }
  const { columns: rowtype, total, chunks } = result;
  const [only] = chunks;
  const rows = { ...common, rowtype, total, returned: total };
  if (chunks.length <= 1) return accepted({ ...rows, rowset: only ? JSON.parse(`[${gunzipSync(only.gzipped)}]`) : [] });
  const parts = chunks.map((chunk, index) => ({
    url: `${url}/chunks/${id}/${index}`,
    rowCount: chunk.rows,
    compressedSize: chunk.gzipped.length,
    uncompressedSize: chunk.gzipped.length * 5,
  }));
  return accepted({ ...rows, rowset: [], chunks: parts });
}
