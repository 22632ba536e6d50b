/** A worker with the settings that upriver's promises rest on: quick to notice a death, patient when it stops. */
import { type Logger, type NativeConnection, Runtime, Worker, type WorkflowBundleOption } from '@temporalio/worker';
import type { Logger as Pino } from 'pino';
import { UpriverError } from '../core/errors.ts';

/** How long a stopping worker lets activities settle what is in flight before it cancels them. */
const DRAIN = '20s';
/** A stopping worker ends by then, whatever hangs. */
const FORCE = '28s';

export interface WorkerParts {
  connection: NativeConnection;
  namespace: string;
  taskQueue: string;
  activities: object;
  bundle: WorkflowBundleOption;
  /** Shown in Temporal's UI; also tells one worker from another in the logs. */
  identity: string;
}

/** A worker that is ready to run; it neither installs signal handlers nor prints. */
export function createUpriverWorker(parts: WorkerParts): Promise<Worker> {
  const { bundle, ...rest } = parts;
  return Worker.create({
    ...rest,
    workflowBundle: bundle,
    shutdownGraceTime: DRAIN,
    shutdownForceTime: FORCE,
    // Attempts beat once a second by themselves; what else they have to keep is to get out before a crash can lose it.
    maxHeartbeatThrottleInterval: '100ms',
    defaultHeartbeatThrottleInterval: '100ms',
    // A workflow task waits no longer than this for the worker that has it cached and may be dead.
    stickyQueueScheduleToStartTimeout: '3s',
    maxCachedWorkflows: 200,
  });
}

/** A process has one; the SDK takes its options up again where it has let it go in between. */
let installed = false;

/**
 * Temporal's own log goes where ours goes; the SDK's metrics are served to Prometheus at `metricsAddress`, if one is given.
 * Call it before anything connects; a second call changes nothing. CONFIG_METRICS_ADDRESS.
 */
export function installRuntime(log: Pino, metricsAddress?: string): void {
  if (installed) return;
  const logging = { filter: { core: 'WARN', other: 'ERROR' }, forward: {} } as const;
  const metrics = metricsAddress && { prometheus: { bindAddress: metricsAddress } };
  try {
    Runtime.install({
      logger: temporalLogger(log),
      // Ctrl-C and SIGTERM are the command's: it drains, then calls worker.shutdown().
      shutdownSignals: [],
      telemetryOptions: { logging, ...(metrics && { metrics }) },
    });
  } catch (cause) {
    throw metricsAddress ? noMetrics(metricsAddress, cause) : cause;
  }
  installed = true;
}

function noMetrics(address: string, cause: unknown): UpriverError {
  const reason = (cause as Error).message.replace(/^.*: /, '');
  return new UpriverError('CONFIG_METRICS_ADDRESS', `no metrics can be served at ${address}: ${reason}`, {
    hint: 'Set UPRIVER_METRICS_ADDRESS to an IP address and a free port, as in 127.0.0.1:9464, or take it out.',
    cause,
  });
}

const LEVELS = { TRACE: 'trace', DEBUG: 'debug', INFO: 'info', WARN: 'warn', ERROR: 'error' } as const;

function temporalLogger(log: Pino): Logger {
  const write = (level: keyof typeof LEVELS, message: string, meta?: object) => log[LEVELS[level]](meta ?? {}, message);
  return {
    log: write,
    trace: (message, meta) => write('TRACE', message, meta),
    debug: (message, meta) => write('DEBUG', message, meta),
    info: (message, meta) => write('INFO', message, meta),
    warn: (message, meta) => write('WARN', message, meta),
    error: (message, meta) => write('ERROR', message, meta),
  };
}
