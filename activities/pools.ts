/** Warehouses and destinations of this process: opened at first use, shared by all its activities. */
import type { ConnectionPlan, HttpConnectionPlan, Reference, WarehouseConnectionPlan } from '../src/contracts/plan.ts';
import { resolveHttp, resolveWarehouse } from '../src/core/connection-settings.ts';
import { openDestination } from '../src/http/destination.ts';
import type { Destination } from '../src/http/http-client.ts';
import { openWarehouse, type Warehouse } from '../src/warehouses/index.ts';
import type { ActivityDeps } from './deps.ts';

export interface Pools extends AsyncDisposable {
  warehouse(plan: WarehouseConnectionPlan): Promise<Warehouse>;
  destinations(plans: readonly ConnectionPlan[]): Promise<Map<string, Destination>>;
}

/** Keyed by the whole definition: a changed connections.yaml is a new connection. */
export function openPools(deps: ActivityDeps): Pools {
  const warehouses = new Shared((plan: WarehouseConnectionPlan) => connectWarehouse(plan, deps));
  const destinations = new Shared(async (plan: HttpConnectionPlan<Reference>) =>
    openDestination(await resolveHttp(plan, deps.secrets), { ...deps, permits: deps.store }),
  );
  return {
    warehouse: (plan) => warehouses.get(plan),
    async destinations(plans) {
      const http = plans.filter((plan): plan is HttpConnectionPlan<Reference> => plan.type === 'http');
      const opened = await Promise.all(http.map(async (plan) => [plan.name, await destinations.get(plan)] as const));
      return new Map(opened);
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([warehouses[Symbol.asyncDispose](), destinations[Symbol.asyncDispose]()]);
    },
  };
}

/** One resource per distinct plan. One that could not be opened is tried again at the next use. */
class Shared<Plan, Resource extends AsyncDisposable> implements AsyncDisposable {
  readonly #open: (plan: Plan) => Promise<Resource>;
  readonly #opened = new Map<string, Promise<Resource>>();

  constructor(open: (plan: Plan) => Promise<Resource>) {
    this.#open = open;
  }

  get(plan: Plan): Promise<Resource> {
    const key = JSON.stringify(plan);
    const known = this.#opened.get(key);
    if (known !== undefined) return known;
    const opening = this.#open(plan);
    this.#opened.set(key, opening);
    opening.catch(() => this.#opened.delete(key));
    return opening;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const opened = await Promise.allSettled(this.#opened.values());
    await Promise.all(opened.map((one) => (one.status === 'fulfilled' ? one.value[Symbol.asyncDispose]() : null)));
  }
}

async function connectWarehouse(
  plan: WarehouseConnectionPlan,
  { secrets, projectDir }: ActivityDeps,
): Promise<Warehouse> {
  const config = await resolveWarehouse(plan, secrets);
  return openWarehouse(plan.type, { name: plan.name, projectDir, config });
}
