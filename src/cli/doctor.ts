/** What `upriver doctor` looks at: each a finding, in the order in which things are needed. */
import { access, constants, mkdir, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { toReport, type UpriverError } from '../core/errors.ts';
import { referencesOf } from '../core/secrets.ts';
import type { Project } from '../language/index.ts';
import { loadProject } from '../language/index.ts';
import { connectClient } from '../temporal/connection.ts';
import { isAlive } from '../temporal/dev-server.ts';
import { findEmbedded } from '../temporal/embedded.ts';
import { temporalAddress } from '../temporal/address.ts';
import { ownServer } from '../temporal/project-runtime.ts';
import { openProjectStore } from '../temporal/project-store.ts';
import { missingSearchAttributes, searchAttributeFlags } from '../temporal/search-attributes.ts';
import { createSecretResolver } from '../temporal/secrets.ts';
import { searchTemporalBinary } from '../temporal/server-binary.ts';
import { plural } from './format.ts';

export interface Finding {
  subject: string;
  state: 'ok' | 'warn' | 'fail';
  detail: string;
  /** What to do about it; null when there is nothing to do. */
  mend: string | null;
  /** Of the error that was met; null: it was none. */
  code: string | null;
}

type Verdict = Omit<Finding, 'subject'>;

const NODE_MAJOR = 24;
const MB = 1_000_000;
/** Below this much free disk a run of some size may not fit; below the other nothing does. */
const LOW_DISK_MB = 1_000;
const NO_DISK_MB = 100;

const ok = (detail: string): Verdict => ({ state: 'ok', detail, mend: null, code: null });
const warn = (detail: string, mend: string): Verdict => ({ state: 'warn', detail, mend, code: null });
const fail = (detail: string, mend: string): Verdict => ({ state: 'fail', detail, mend, code: null });

export async function* inspect(projectDir: string, env: NodeJS.ProcessEnv): AsyncGenerator<Finding> {
  const project = await loadProject(projectDir);
  const checks: [string, () => Promise<Verdict>][] = [
    ['Node', async () => checkNode(process.versions.node)],
    ['project files', async () => checkFiles(project)],
    ['secrets', () => checkSecrets(project, env)],
    ['state folder', () => checkFolder(project)],
    ['state store', () => checkStore(project, env)],
    ['Temporal', () => checkTemporal(project, env)],
  ];
  for (const [subject, check] of checks) yield { subject, ...(await check().catch(failure)) };
}

function failure(error: unknown): Verdict {
  const { code, message, hint } = toReport(error);
  return { ...fail(`${code}  ${message}`, hint ?? 'See .upriver/upriver.log.'), code };
}

/** Why this is no project. This machine can be looked at all the same; nothing is written then. */
function noProject({ errors }: Project): UpriverError | undefined {
  return errors.find(({ code }) => code === 'CONFIG_NO_PROJECT');
}

function checkNode(version: string): Verdict {
  if (Number(version.split('.', 1)[0]) >= NODE_MAJOR) return ok(version);
  return fail(`${version} is too old`, `Install Node ${NODE_MAJOR} (https://nodejs.org).`);
}

function checkFiles(project: Project): Verdict {
  const none = noProject(project);
  const errors = project.errors.filter((error) => error !== none);
  if (errors.length > 0) return fail(plural(errors.length, 'error'), 'See them all: upriver validate');
  if (none) return warn(none.message, none.hint ?? '');
  return ok(`${plural(project.rivers.size, 'river')}, no errors`);
}

async function checkSecrets(project: Project, env: NodeJS.ProcessEnv): Promise<Verdict> {
  const secrets = createSecretResolver({ env, projectDir: project.dir });
  const references = referencesOf(project.connections.values());
  const missing: string[] = [];
  for (const reference of references) {
    await secrets.resolve(reference).catch((error) => missing.push(toReport(error).message));
  }
  if (missing.length === 0) return ok(`${plural(references.length, 'reference')}, all there`);
  return fail([...new Set(missing)].join('; '), 'Set them where the worker runs.');
}

async function checkFolder(project: Project): Promise<Verdict> {
  const none = noProject(project);
  const dir = none ? project.dir : join(project.dir, '.upriver');
  try {
    if (!none) await mkdir(dir, { recursive: true });
    await access(dir, constants.W_OK);
  } catch (error) {
    return fail((error as Error).message, 'Let this user write into the project’s folder.');
  }
  const { bavail, bsize } = await statfs(dir);
  const freeMb = Math.floor((bavail * bsize) / MB);
  const detail = `writable, ${freeMb >= 1000 ? `${(freeMb / 1000).toFixed(1)} GB` : `${freeMb} MB`} free`;
  if (freeMb < NO_DISK_MB) return fail(detail, 'Free some space on this disk.');
  return freeMb < LOW_DISK_MB ? warn(detail, 'Free some space on this disk.') : ok(detail);
}

async function checkStore(project: Project, env: NodeJS.ProcessEnv): Promise<Verdict> {
  if (noProject(project) && project.settings.state.url === null) return ok('made with the first run of a project');
  await using store = await openProjectStore(project, env);
  const facts = await store.check();
  return ok(
    Object.entries(facts)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
}

async function checkTemporal(project: Project, env: NodeJS.ProcessEnv): Promise<Verdict> {
  const address = temporalAddress(project, env);
  if (!address) return checkEmbedded(project);
  const target = await ownServer(project, env, address);
  const client = await connectClient(target);
  try {
    const missing = await missingSearchAttributes(client.connection, target.namespace);
    if (missing.length === 0) return ok(`${address}, namespace ${target.namespace}`);
    const flags = searchAttributeFlags().filter((flag) => missing.some((name) => flag.startsWith(`${name}=`)));
    const command = `temporal operator search-attribute create --namespace ${target.namespace} ${flags.map((flag) => flag.replace(/^(.*)=(.*)$/, '--name $1 --type $2')).join(' ')}`;
    return warn(
      `${address}: search attributes missing: ${missing.join(', ')}`,
      `Runs work without. To find them by river and status: ${command}`,
    );
  } finally {
    await client.connection.close();
  }
}

async function checkEmbedded(project: Project): Promise<Verdict> {
  const host = await findEmbedded(project.dir);
  if (host && isAlive(host.hostPid)) return ok(`embedded, hosted by process ${host.hostPid}, UI ${host.uiUrl}`);
  if (host)
    return warn(
      `embedded; its host was killed and left the server, UI ${host.uiUrl}`,
      'The next `upriver run` or `upriver dev` takes it over.',
    );
  const { binary, tried } = await searchTemporalBinary({ install: false });
  if (binary) return ok(`embedded, not running; server ${binary.version} from ${binary.source} (${binary.path})`);
  const why = tried.map(({ source, detail }) => `${source}: ${detail}`).join('; ');
  return warn(
    `no Temporal CLI on this machine yet (${why})`,
    'The first run fetches it. Or install it: https://docs.temporal.io/cli',
  );
}
