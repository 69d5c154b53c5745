import { isIP } from "node:net";
import { Agent, buildConnector } from "undici";

/** Makes the agent of a forwarder that was given none: connections kept alive, one request at a time on each. */
export function makeAgent(connectTimeoutMs: number): Agent {
  const connect = buildConnector({ timeout: connectTimeoutMs });
  return new Agent({
    allowH2: false,
    pipelining: 1,
    connect({ servername = "", ...options }, callback) {
      // An address in digits is looked for in a certificate under its own kind of name, and is not announced.
      connect(isIP(servername) === 0 ? { ...options, servername } : options, callback);
    },
  });
}

/**
 * Whose certificate is asked for: that of the address, which comes from configuration. Left to itself undici takes the host that
 * the request names, and with it the client's word for who the other side is.
 */
export function servernameOf(address: string): string | undefined {
  if (!/^https:/i.test(address)) return undefined;
  return new URL(address).hostname.replace(/^\[|\]$/g, "");
}
