import { type Finding, OnceoverError } from "@onceover/core";
import { unexpected } from "./errors.js";
import type { JoinReply } from "./replies.js";

/** Says what keeps a store with `shards` from its records, and what to do about it. */
export function findingsOf(reply: JoinReply, shards: number): readonly Finding[] {
  switch (reply?.outcome) {
    case "joined":
      return [];
    case "apart":
      return [otherShards(reply.shards, shards)];
    case "no-sql":
      return [NO_SQL];
    default:
      throw unexpected();
  }
}

/** Throws where there is a finding: nothing must run beside records that are not found. */
export function unlessFit([finding]: readonly Finding[]): void {
  if (finding === undefined) return;
  const { setting, problem, mend } = finding;
  throw new OnceoverError(
    "store-unfit",
    `the durable-object store cannot keep its promise: ${setting}: ${problem} (${mend})`,
  );
}

function otherShards(kept: number, shards: number): Finding {
  return {
    setting: "shards",
    problem: `records are spread over ${kept} objects, and shards is ${shards}: most of them would not be found, and their requests run again`,
    mend: `set shards to ${kept}, or bind another namespace once these records have expired`,
  };
}

const NO_SQL: Finding = {
  setting: "new_sqlite_classes",
  problem: "the class has no SQLite storage: no record can be kept",
  mend: "list OnceoverRecord under new_sqlite_classes of the Worker's migrations, not under new_classes; a class that was deployed without it needs another name",
};
