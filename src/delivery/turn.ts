/**
 * The end of the event loop's turn. Replies come in bursts: what waits for it lets the requests that follow them leave
 * first, and is then done in one go.
 */
export class Turn {
  #end: PromiseWithResolvers<void> | null = null;

  /** Resolves when the replies that are there have been read. */
  end(): Promise<void> {
    if (this.#end) return this.#end.promise;
    const end = Promise.withResolvers<void>();
    this.#end = end;
    setImmediate(() => {
      this.#end = null;
      end.resolve();
    });
    return end.promise;
  }
}
