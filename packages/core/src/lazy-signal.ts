import { OnceoverError } from "./error.js";

/** An abort signal that is made only for a handler that asks for it. */
export class LazySignal {
  #controller: AbortController | undefined;
  #aborted = false;

  get signal(): AbortSignal {
    this.#controller ??= new AbortController();
    if (this.#aborted) this.abort();
    return this.#controller.signal;
  }

  abort(): void {
    this.#aborted = true;
    this.#controller?.abort(new OnceoverError("lease-lost", "the lease of this run was lost; another run may begin"));
  }
}
