/** The deals, and for each how often it was asked for, written, and written without the caller hearing of it. */
import type { PropertyStore, Values } from './properties.ts';

export interface Deal {
  readonly id: string;
  /** Made by the sandbox itself: has a name and a stage that need no memory. */
  readonly seeded: boolean;
  readonly createdAt: number;
  updatedAt: number;
  archived: boolean;
  /** What was written; null if nothing yet. */
  written: Values | null;
  /** Writes that named this deal, whatever became of them. */
  received: number;
  /** Writes that changed it. */
  applied: number;
  /** Writes that changed it and whose true answer did not get out: only these may be sent again. */
  lost: number;
}

/** The referee's line per deal. */
export interface DealReport {
  id: string;
  properties: Values;
  exists: boolean;
  received: number;
  applied: number;
  lost: number;
}

export class DealStore {
  readonly #properties: PropertyStore;
  readonly #byId = new Map<string, Deal>();
  /** Every deal by age; paging counts in here. */
  readonly #all: Deal[] = [];
  /** Values of unique properties, by property; filled when first asked for. */
  readonly #unique = new Map<string, Map<string, Deal>>();
  /** Ids asked for that never existed: how often. */
  readonly #strangers = new Map<string, number>();
  #lastId = 0;

  constructor(properties: PropertyStore) {
    this.#properties = properties;
  }

  /** A deal that is there already stays as it is. */
  seed(id: string, at: number, values: Values | null = null): void {
    if (!this.#byId.has(id)) this.#add(id, at, { seeded: true, values });
  }

  create(values: Values, at: number): Deal {
    const deal = this.#add(String(this.#lastId + 1), at, { seeded: false, values });
    deal.received = 1;
    deal.applied = 1;
    return deal;
  }

  /** By record id, or by the value of a property that must be unique. */
  find(id: string, idProperty: string | null = null): Deal | undefined {
    const deal = idProperty === null ? this.#byId.get(id) : this.#index(idProperty).get(id);
    return deal?.archived ? undefined : deal;
  }

  write(deal: Deal, values: Values, at: number): void {
    for (const [property, index] of this.#unique) {
      if (!(property in values)) continue;
      const before = deal.written?.[property];
      const after = values[property];
      if (before != null) index.delete(before);
      if (after != null) index.set(after, deal);
    }
    deal.written = deal.written ? Object.assign(deal.written, values) : values;
    deal.updatedAt = at;
    deal.applied++;
  }

  archive(deal: Deal, at: number): void {
    deal.archived = true;
    deal.updatedAt = at;
    deal.applied++;
  }

  /** Counts a write that names this id and says how often it was named before. */
  received(id: string, idProperty: string | null): number {
    const deal = this.find(id, idProperty) ?? this.#byId.get(id);
    if (deal) return deal.received++;
    const before = this.#strangers.get(id) ?? 0;
    this.#strangers.set(id, before + 1);
    return before;
  }

  /** All of a deal's values, its own read-only ones too. */
  values(deal: Deal): Values {
    const modified = isoTime(deal.updatedAt);
    const created = isoTime(deal.createdAt);
    const named = deal.seeded
      ? { dealname: `Deal ${deal.id}`, dealstage: 'appointmentscheduled', pipeline: 'default' }
      : null;
    const kept = { hs_object_id: deal.id, hs_createdate: created, hs_lastmodifieddate: modified };
    return { createdate: created, ...named, ...deal.written, ...kept };
  }

  /** A page of live deals, by age, and where the next one starts (null: that was the last). */
  page(after: number, limit: number): { deals: Deal[]; next: number | null } {
    const deals: Deal[] = [];
    let position = after;
    for (; position < this.#all.length && deals.length < limit; position++) {
      const deal = this.#all[position] as Deal;
      if (!deal.archived) deals.push(deal);
    }
    return { deals, next: position < this.#all.length ? position : null };
  }

  *live(): Generator<Deal> {
    for (const deal of this.#all) if (!deal.archived) yield deal;
  }

  totals(): { count: number; received: number; applied: number; lost: number } {
    const totals = { count: this.#all.length, received: 0, applied: 0, lost: 0 };
    for (const deal of this.#all) {
      totals.received += deal.received;
      totals.applied += deal.applied;
      totals.lost += deal.lost;
    }
    for (const received of this.#strangers.values()) totals.received += received;
    return totals;
  }

  *reports(): Generator<DealReport> {
    for (const deal of this.#all) yield this.#report(deal);
    for (const [id, received] of this.#strangers) yield { ...NOBODY, id, received };
  }

  report(id: string): DealReport {
    const deal = this.#byId.get(id);
    return deal ? this.#report(deal) : { ...NOBODY, id, received: this.#strangers.get(id) ?? 0 };
  }

  /** Forgets the counts; the deals and their values stay. */
  resetCounts(): void {
    this.#strangers.clear();
    for (const deal of this.#all) {
      deal.received = 0;
      deal.applied = 0;
      deal.lost = 0;
    }
  }

  #report(deal: Deal): DealReport {
    const { id, received, applied, lost } = deal;
    return { id, properties: { ...deal.written }, exists: !deal.archived, received, applied, lost };
  }

  #add(id: string, at: number, { seeded, values }: { seeded: boolean; values: Values | null }): Deal {
    const written = values;
    const deal = {
      id,
      seeded,
      createdAt: at,
      updatedAt: at,
      archived: false,
      written,
      received: 0,
      applied: 0,
      lost: 0,
    };
    this.#byId.set(id, deal);
    this.#all.push(deal);
    const number = Number(id);
    if (Number.isSafeInteger(number) && number > this.#lastId) this.#lastId = number;
    for (const [property, index] of this.#unique) {
      const value = values?.[property];
      if (value != null) index.set(value, deal);
    }
    return deal;
  }

  #index(property: string): Map<string, Deal> {
    let index = this.#unique.get(property);
    if (index) return index;
    index = new Map();
    for (const deal of this.#all) {
      const value = deal.written?.[property];
      if (value != null && !deal.archived) index.set(value, deal);
    }
    if (this.#properties.get(property)?.hasUniqueValue) this.#unique.set(property, index);
    return index;
  }
}

const NOBODY = { properties: {}, exists: false, applied: 0, lost: 0 };

const TEXTS = Array.from({ length: 64 }, () => ({ time: Number.NaN, text: '' }));

/** ISO text of a time in ms. Few times are asked for often, and making the text is slow: the last ones are kept. */
export function isoTime(ms: number): string {
  const time = Math.floor(ms);
  const kept = TEXTS[time % TEXTS.length] as { time: number; text: string };
  if (kept.time !== time) {
    kept.time = time;
    kept.text = new Date(time).toISOString();
  }
  return kept.text;
}
