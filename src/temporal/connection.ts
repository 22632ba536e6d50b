/** Connections to a Temporal server, embedded or one's own, with errors that say what is wrong and where. */
import { connect } from 'node:net';
import { Client, Connection, isGrpcServiceError } from '@temporalio/client';
import { NativeConnection, type TLSConfig } from '@temporalio/worker';
import { type ErrorCode, UpriverError } from '../core/errors.ts';

const CONNECT_TIMEOUT_MS = 5_000;
/** gRPC status codes, https://grpc.io/docs/guides/status-codes/. */
const NOT_FOUND = 5;
const PERMISSION_DENIED = 7;
const UNAUTHENTICATED = 16;

/** Where Temporal is. Secrets are resolved. */
export interface TemporalTarget {
  /** `host:port`. */
  address: string;
  namespace: string;
  /** Default: none, or the system's certificates if there is an `apiKey`. */
  tls?: TLSConfig | boolean | undefined;
  apiKey?: string | undefined;
}

/**
 * A client that has reached its namespace. The caller closes `client.connection`.
 * CONFIG_TEMPORAL_UNREACHABLE, CONFIG_TEMPORAL_NAMESPACE, AUTH_TEMPORAL.
 */
export async function connectClient(target: TemporalTarget): Promise<Client & { connection: Connection }> {
  const { address, namespace } = target;
  const options = { ...connectionOptions(target), connectTimeout: CONNECT_TIMEOUT_MS };
  const connection = await Connection.connect(options).catch(async (error) => {
    throw await connectError(target, error);
  });
  try {
    await connection.withDeadline(Date.now() + CONNECT_TIMEOUT_MS, () =>
      connection.workflowService.describeNamespace({ namespace }),
    );
  } catch (error) {
    await connection.close();
    throw await connectError(target, error);
  }
  return new Client({ connection, namespace, identity: `upriver@${address}` }) as Client & { connection: Connection };
}

/** For a worker. Waits for nothing: call `connectClient` first, whose errors are the better ones. */
export async function connectWorker(target: TemporalTarget): Promise<NativeConnection> {
  return NativeConnection.connect(connectionOptions(target)).catch(async (error) => {
    throw await connectError(target, error);
  });
}

function connectionOptions({ address, tls, apiKey }: TemporalTarget): {
  address: string;
  tls?: TLSConfig | boolean;
  apiKey?: string;
} {
  return { address, ...(tls !== undefined && { tls }), ...(apiKey !== undefined && { apiKey }) };
}

async function connectError(target: TemporalTarget, error: unknown): Promise<UpriverError> {
  const { address, namespace } = target;
  const status = statusOf(error);
  const fail = (code: ErrorCode, message: string, hint: string) =>
    new UpriverError(code, message, { hint, retry: code === 'CONFIG_TEMPORAL_UNREACHABLE', cause: error });
  if (status === NOT_FOUND) {
    return fail(
      'CONFIG_TEMPORAL_NAMESPACE',
      `Temporal at ${address} has no namespace ${namespace}`,
      `Create it (temporal operator namespace create -n ${namespace}), or correct \`temporal.namespace\` in upriver.yaml.`,
    );
  }
  if (status === PERMISSION_DENIED || status === UNAUTHENTICATED) {
    return fail(
      'AUTH_TEMPORAL',
      `Temporal at ${address} refuses us in namespace ${namespace}`,
      'Check `temporal.api_key` or the client certificate in `temporal.tls`, and that it may use this namespace.',
    );
  }
  if (await portOpen(address)) {
    return fail(
      'CONFIG_TEMPORAL_UNREACHABLE',
      `something listens at ${address}, but it does not speak as Temporal does`,
      target.tls || target.apiKey
        ? 'Check the port, and whether the server uses TLS at all: `temporal.tls` and `temporal.api_key` make us use it.'
        : 'Check the port (7233 is usual; 8233 and 8080 are the UI), and whether the server wants TLS: `temporal.tls`.',
    );
  }
  return fail(
    'CONFIG_TEMPORAL_UNREACHABLE',
    `no Temporal server answers at ${address}`,
    'Check `temporal.address` in upriver.yaml (or TEMPORAL_ADDRESS) and that the server is up; without an address upriver starts its own.',
  );
}

/** The gRPC status of an error or of what caused it. */
function statusOf(error: unknown): number | undefined {
  if (isGrpcServiceError(error)) return error.code;
  return error instanceof Error && error.cause !== undefined ? statusOf(error.cause) : undefined;
}

function portOpen(address: string): Promise<boolean> {
  const { hostname, port } = new URL(`tcp://${address}`);
  return new Promise((resolve) => {
    const socket = connect({ host: hostname.replace(/^\[|\]$/g, ''), port: Number(port || 7233) });
    const settle = (open: boolean) => {
      socket.destroy();
      resolve(open);
    };
    socket.setTimeout(CONNECT_TIMEOUT_MS, () => settle(false));
    socket.once('connect', () => settle(true)).once('error', () => settle(false));
  });
}
