import { isPassing } from "./errors.js";
import type { RecordNamespace, RecordStub } from "./namespace.js";

/** How long to wait before asking again where the platform says so, in milliseconds; twice as long each time. */
const FIRST_PAUSE_MS = 20;

/** Calls one object once. A stub is broken by the first error of the platform, so each call has its own. */
export function callOnce<T>(
  namespace: RecordNamespace,
  name: string,
  verb: (object: RecordStub) => Promise<T>,
): Promise<T> {
  return verb(namespace.get(namespace.idFromName(name)));
}

/** Calls one object, and again until `endMs` where the platform says that it may well succeed: for verbs that may be done twice. */
export async function callAgain<T>(
  namespace: RecordNamespace,
  name: string,
  verb: (object: RecordStub) => Promise<T>,
  endMs: number,
): Promise<T> {
  for (let pauseMs = FIRST_PAUSE_MS; ; pauseMs *= 2) {
    try {
      // If we die here, the object does it or does not; whoever asks again is told which.
      return await callOnce(namespace, name, verb);
    } catch (error) {
      if (!isPassing(error) || performance.now() + pauseMs >= endMs) throw error;
      await new Promise((resolve) => setTimeout(resolve, pauseMs));
    }
  }
}
