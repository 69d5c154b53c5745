/** How a request gets to another revision: by us, by the client, or by a router in front. */

import type { HeaderLine, RequestFacts } from "../facts.js";
import type { PinGround } from "../pinned.js";
import { pinProblemAnswer } from "../problem.js";
import { type AddressRule, addressRule } from "./addresses.js";
import type { Announcer } from "./announcer.js";
import { wholeForwarder } from "./forwarder.js";
import type { RevisionsOptions } from "./revisions-options.js";
import { type LiveInstance, servingFirst } from "./roster.js";
import type { Routed, Router } from "./router.js";

/** How long an address is avoided at which nothing listened, in milliseconds: until it counts as silent it is announced. */
const AVOIDED_MS = 5000;

/** Makes the way that the options say. */
export function createRouting(
  options: RevisionsOptions,
  { service, platform }: PinGround,
  announcer: Announcer,
): Pick<Router, "route" | "avoid"> {
  const { addresses = [] } = options;
  const forwarder = options.forwarder && wholeForwarder(options.forwarder);
  const how = options.route ?? (forwarder === undefined ? "misdirect" : "forward");
  const isAllowed = addressRule(addresses);
  const avoided = new Map<string, number>();
  // A pseudonym, as RFC 9110, section 7.6.3, has it: it names the service, so that gateways of several do not refuse each other.
  const pseudonym = `onceover-${service.replace(/[^0-9A-Za-z._-]/g, "_")}`;

  function isAvoided(address: string): boolean {
    return (avoided.get(address) ?? 0) > platform.monotonicMs();
  }

  return {
    route(facts, revision, found = announcer.latest?.revisions.get(revision)?.instances ?? []) {
      const instances = servingFirst(found);
      if (how === "misdirect") return misdirected(revision);
      const via = facts.header("via");
      if (hasCome(via, pseudonym)) return { action: "refuse", code: "forward-loop" };
      if (how === "redirect") return redirected(facts, revision, instances, isAllowed);
      const all = addressesOf(instances, "address", revision, isAllowed);
      const address = oneOf(all.filter((each) => !isAvoided(each))) ?? oneOf(all);
      if (address === undefined || forwarder === undefined) return UNREACHABLE;
      const headers: HeaderLine[] = [["Via", [...via, `1.1 ${pseudonym}`].join(", ")]];
      return { action: "forward", forwarder, target: { revision, address, headers } };
    },
    avoid(address) {
      const nowMs = platform.monotonicMs();
      for (const [each, untilMs] of avoided) if (untilMs <= nowMs) avoided.delete(each);
      avoided.set(address, nowMs + AVOIDED_MS);
    },
  };
}

/** The addresses of instances that the configuration allows. */
function addressesOf(
  instances: readonly LiveInstance[],
  kind: "address" | "publicAddress",
  revision: string,
  isAllowed: AddressRule,
): string[] {
  return instances.flatMap((instance) => {
    const address = instance[kind];
    return address !== undefined && isAllowed(address, revision) ? [address] : [];
  });
}

function oneOf(addresses: readonly string[]): string | undefined {
  return addresses[Math.floor(Math.random() * addresses.length)];
}

/** Whether a gateway of that name, and not one whose name only holds it, has passed the request on: `1.1 name (comment)`. */
function hasCome(via: readonly string[], name: string): boolean {
  return via.some((line) => line.split(",").some((hop) => hop.trim().split(/\s+/)[1] === name));
}

const UNREACHABLE: Routed = { action: "refuse", code: "revision-unreachable" };

function misdirected(revision: string): Routed {
  return { action: "send", how: "misdirect", answer: pinProblemAnswer("misdirected", { members: { revision } }) };
}

/** 307 has the client send the same request, body and all, to the other revision. */
function redirected(
  { target }: RequestFacts,
  revision: string,
  instances: readonly LiveInstance[],
  isAllowed: AddressRule,
): Routed {
  const origin = oneOf(addressesOf(instances, "publicAddress", revision, isAllowed));
  if (origin === undefined || !target.startsWith("/")) return UNREACHABLE;
  const headers: HeaderLine[] = [
    ["Location", origin.replace(/\/$/, "") + target],
    ["Cache-Control", "no-store"],
  ];
  return { action: "send", how: "redirect", answer: { status: 307, headers, chunks: [] } };
}
