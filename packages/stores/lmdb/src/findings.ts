import { statfsSync } from "node:fs";
import type { Finding } from "@onceover/core";

/** File systems by the magic number that Linux gives in `statfs`, from statfs(2) and linux/magic.h. */
const IN_MEMORY: ReadonlyMap<number, string> = new Map([
  [0x01021994, "tmpfs"],
  [0x858458f6, "ramfs"],
]);
const OVER_NETWORK: ReadonlyMap<number, string> = new Map([
  [0x6969, "NFS"],
  [0x517b, "SMB"],
  [0xff534d42, "CIFS"],
  [0xfe534d42, "SMB2"],
  [0x00c36400, "Ceph"],
  [0x5346414f, "AFS"],
  [0x0bd00bd0, "Lustre"],
  [0x47504653, "GPFS"],
  [0x01021997, "9P"],
  [0x65735546, "FUSE"],
]);

/** What about the directory of the file breaks the promise of tier T3. */
export function findingsOf(directory: string): readonly Finding[] {
  return findingsOfType(statfsSync(directory).type >>> 0);
}

/** The same by the file system's magic number. */
export function findingsOfType(type: number): readonly Finding[] {
  const memory = IN_MEMORY.get(type);
  const network = OVER_NETWORK.get(type);
  if (memory !== undefined) return [inMemory(memory)];
  return network === undefined ? [] : [overNetwork(network)];
}

function inMemory(name: string): Finding {
  return {
    setting: "path",
    problem: `the file is on ${name}, which lives in memory: its records are gone when the machine restarts`,
    mend: "put the file on a disk",
  };
}

function overNetwork(name: string): Finding {
  return {
    setting: "path",
    problem: `the file is on ${name}: locks and memory maps may not hold between machines, so a key may get two owners`,
    mend: "put the file on a disk of this machine, or use Redis or Postgres to share records between machines",
  };
}
