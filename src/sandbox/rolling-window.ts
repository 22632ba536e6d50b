/** How many events lie within the last so many milliseconds: exact, one number of memory per event in the window. */

export class RollingWindow {
  readonly #spanMs: number;
  #times = new Float64Array(256);
  #oldest = 0;
  #size = 0;

  constructor(spanMs: number) {
    this.#spanMs = spanMs;
  }

  /** Events in (at − span, at]. Times never go back from call to call. */
  count(at: number): number {
    const gone = at - this.#spanMs;
    while (this.#size > 0 && this.#at(0) <= gone) {
      this.#oldest = (this.#oldest + 1) % this.#times.length;
      this.#size--;
    }
    return this.#size;
  }

  /** Adds an event and says how many the window that ends with it holds. */
  add(at: number): number {
    if (this.#size === this.#times.length) this.#grow();
    this.#times[(this.#oldest + this.#size) % this.#times.length] = at;
    this.#size++;
    return this.count(at);
  }

  /** When the window will hold one event less than now; the given time if it is empty. */
  nextFree(at: number): number {
    return this.count(at) === 0 ? at : this.#at(0) + this.#spanMs;
  }

  #at(index: number): number {
    return this.#times[(this.#oldest + index) % this.#times.length] as number;
  }

  #grow(): void {
    const larger = new Float64Array(this.#times.length * 2);
    for (let i = 0; i < this.#size; i++) larger[i] = this.#at(i);
    this.#times = larger;
    this.#oldest = 0;
  }
}
