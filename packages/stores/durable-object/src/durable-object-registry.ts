import type { RevisionRegistry } from "@onceover/core/revisions";
import { callAgain, callOnce } from "./call.js";
import { withDeadline } from "./deadline.js";
import { unexpected, unreadableRevision } from "./errors.js";
import type { RecordStub } from "./namespace.js";
import { checkOptions, type DurableObjectRegistryOptions } from "./options.js";
import type { RevisionReply, RevisionsReply } from "./replies.js";

/**
 * Lets revisions announce themselves to each other in a Durable Object of the class `OnceoverRecord`, one for each service, each
 * verb one call, by the object's clock. The binding may be that of `durableObjectStore`. Calls reject with `OnceoverError`
 * `store-unavailable`.
 *
 * @throws TypeError where an option breaks its rule
 */
export function durableObjectRegistry(options: DurableObjectRegistryOptions): RevisionRegistry {
  checkOptions(options);
  const { namespace, timeoutMs = 1000 } = options;

  function ask<T>(service: string, verb: (object: RecordStub) => Promise<T>): Promise<T> {
    const endMs = performance.now() + timeoutMs;
    return withDeadline(endMs, callAgain(namespace, objectNameOf(service), verb, endMs));
  }

  return {
    name: "durable-object",
    async write(service, id, text, keepMs) {
      textOf(await ask(service, (object) => object.writeRevision(id, text, keepMs)));
    },
    async count(service, id, keepMs) {
      // Once: a call whose answer was lost may have counted.
      const counted = callOnce(namespace, objectNameOf(service), (object) => object.countRevision(id, keepMs));
      return Number(textOf(await withDeadline(performance.now() + timeoutMs, counted)));
    },
    async list(service) {
      return entriesOf(await ask(service, (object) => object.listRevisions()));
    },
    async remove(service, id) {
      const removed = await ask(service, (object) => object.removeRevision(id));
      if (removed !== "ok" && removed !== "none") throw unexpected();
      return removed;
    },
    close() {},
  };
}

/** The name of the object of a service; no record's object is called so. It must never change. */
export function objectNameOf(service: string): string {
  return `revisions-${service}`;
}

/** The text that is there now. Objects may run another version of this package. */
function textOf(reply: RevisionReply): string {
  switch (reply?.outcome) {
    case "put":
      return reply.text;
    case "unreadable":
      throw unreadableRevision();
    default:
      throw unexpected();
  }
}

function entriesOf(reply: RevisionsReply) {
  switch (reply?.outcome) {
    case "list":
      return reply.entries;
    case "unreadable":
      throw unreadableRevision();
    default:
      throw unexpected();
  }
}
