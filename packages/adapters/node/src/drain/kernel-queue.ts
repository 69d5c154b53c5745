/** What the kernel has taken of a connection, and the client has not acknowledged yet. */

import { readFile } from "node:fs/promises";
import type { Socket } from "node:net";

/** Bytes by {@link portsOf}. Connections of several clients that have the same ports are one. */
export type KernelQueues = ReadonlyMap<string, number>;

const TABLES = ["/proc/self/net/tcp", "/proc/self/net/tcp6"];

/**
 * Reads the queues of all connections, of which each megabyte may hide behind one write that does not move. Source: proc(5),
 * `tx_queue` of /proc/net/tcp.
 *
 * @returns nothing where the system does not tell.
 */
export async function readKernelQueues(): Promise<KernelQueues | undefined> {
  const tables = await Promise.all(TABLES.map((path) => readFile(path, "latin1").catch(() => "")));
  const queues = new Map<string, number>();
  for (const line of tables.join("\n").split("\n")) {
    const [, local = "", remote = "", , sizes = ""] = line.trim().split(/\s+/, 5);
    const bytes = Number.parseInt(sizes, 16);
    if (Number.isNaN(bytes)) continue;
    const ports = [local, remote].map((end) => Number.parseInt(end.split(":")[1] ?? "", 16)).join(" ");
    queues.set(ports, (queues.get(ports) ?? 0) + bytes);
  }
  return queues.size === 0 ? undefined : queues;
}

/** The two ports of a connection. */
export function portsOf({ localPort, remotePort }: Socket): string {
  return `${localPort} ${remotePort}`;
}
