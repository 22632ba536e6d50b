/** A counted number of places: in flight, of a connection and of a loop. Who finds none waits in line. */

export class Slots {
  #free: number;
  readonly #line: (() => void)[] = [];

  constructor(size: number) {
    this.#free = size;
  }

  /** Takes a place; undefined when it was free at once, so that the fast path costs no promise. */
  enter(): Promise<void> | undefined {
    if (this.#free > 0) {
      this.#free--;
      return undefined;
    }
    return new Promise((resolve) => this.#line.push(resolve));
  }

  /** The place goes to the first in line: who just left one cannot overtake. */
  leave(): void {
    const next = this.#line.shift();
    if (next) next();
    else this.#free++;
  }
}
