/** A line in which each taker gets its turn, however many each has waiting. */

export class FairLine<T> {
  /** In the order of their next turns. */
  readonly #takers = new Map<string, T[]>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  add(taker: string, item: T): void {
    const items = this.#takers.get(taker);
    if (items) items.push(item);
    else this.#takers.set(taker, [item]);
    this.#size++;
  }

  remove(taker: string, item: T): void {
    const items = this.#takers.get(taker);
    const at = items?.indexOf(item) ?? -1;
    if (!items || at === -1) return;
    items.splice(at, 1);
    this.#size--;
    if (items.length === 0) this.#takers.delete(taker);
  }

  /** The first item of the taker whose turn it is; that taker is then the last of the round. */
  next(): T | undefined {
    for (const [taker, items] of this.#takers) {
      this.#takers.delete(taker);
      const item = items.shift();
      if (items.length > 0) this.#takers.set(taker, items);
      this.#size--;
      return item;
    }
    return undefined;
  }
}
