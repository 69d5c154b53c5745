/**
 * The registry contract: where the revisions of a service announce themselves to each other.
 *
 * A registry keeps small texts by service and id, and stamps each with its own clock. What the texts say is core's affair. A
 * call that rejects is indeterminate, and a registry that cannot be read says nothing about anybody: *unknown is never
 * taken for gone*. Every call has the registry's own deadline, so that none is pending for ever.
 */

import type { MaybePromise } from "../platform.js";

/** One text, as the registry has it. Ages are by the registry's own clock. */
export interface RegistryEntry {
  readonly id: string;
  readonly text: string;
  /** How long ago it was written last, in milliseconds. */
  readonly ageMs: number;
  /** How long ago it was written for the first time, in milliseconds; never less than `ageMs`. */
  readonly sinceMs: number;
}

/** Where revisions announce themselves. Implemented by the packages of the stores, and by `memoryRegistry`. */
export interface RevisionRegistry {
  /** What it is, for messages: `"redis"`. */
  readonly name: string;
  /**
   * Writes a text over the one of that id, in one atomic step. It stays for `keepMs` after it was written last; then it is as if
   * it had never been written.
   * @param service 43 characters of base64url.
   * @param id 1 to 64 characters of `[0-9A-Za-z._-]`.
   * @param text At most 16,384 characters, well-formed; any of Unicode, NUL excepted.
   * @throws {OnceoverError} `store-unavailable`; then it may have been written or not. `store-full`; then it has not.
   */
  write(service: string, id: string, text: string, keepMs: number): Promise<void>;
  /**
   * Adds 1 to the number that the text of that id is, and gives the sum, in one atomic step; 0 where there is none. Two who
   * count at once get two numbers. A text that is no number is overwritten by 1.
   * @throws {OnceoverError} `store-unavailable`; then it may have been counted or not. `store-full`; then it has not.
   */
  count(service: string, id: string, keepMs: number): Promise<number>;
  /**
   * All texts of a service that are still kept, in no order, as they were at one moment.
   * @throws {OnceoverError} `store-unavailable`, also where what is there cannot be read: never a list with something missing.
   */
  list(service: string): Promise<readonly RegistryEntry[]>;
  /** Removes a text. @throws {OnceoverError} `store-unavailable`. */
  remove(service: string, id: string): Promise<"ok" | "none">;
  /** Ends what the registry itself has begun; the client it was given stays open. */
  close(): MaybePromise<void>;
}
