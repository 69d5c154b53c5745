import { type Finding, OnceoverError, type Verified } from "@onceover/core";
import type { UpstashClient } from "./client.js";
import { isAnswer } from "./errors.js";

/** What to verify: `probe` tries the commands that the scripts rely on. */
export interface Verification {
  readonly client: UpstashClient;
  readonly probe: () => Promise<{ readonly ttlMs: number; readonly keptTtlMs: number }>;
}

/** Finds what can be found over REST: whether scripts run and keep times to live, and whether records are evicted. */
export async function verifyUpstash({ client, probe }: Verification): Promise<Verified> {
  const findings = [...(await probeFindings(probe)), ...(await evictionFindings(client))];
  return { tier: "T1", findings };
}

/** A server that refuses the probe was reached all the same, and would refuse every call. */
async function probeFindings(probe: Verification["probe"]): Promise<Finding[]> {
  try {
    const { ttlMs, keptTtlMs } = await probe();
    return ttlMs > 0 && keptTtlMs > 0 ? [] : [ignoredExpiry];
  } catch (error) {
    if (!(error instanceof OnceoverError)) throw error;
    if (error.code === "store-full") return [];
    if (isAnswer(error.cause)) return [{ ...refusedScripts, problem: `a script was refused: ${error.cause.message}` }];
    throw error;
  }
}

async function evictionFindings(client: UpstashClient): Promise<Finding[]> {
  const policy = await evictionPolicy(client);
  if (policy === undefined || policy === "noeviction") return [];
  return [
    { ...eviction, problem: `the database has ${policy}: a record that is evicted is a request that runs twice` },
  ];
}

/** What the database says of itself. A token, or a database, that does not tell is left to the operator. */
async function evictionPolicy(client: UpstashClient): Promise<string | undefined> {
  try {
    const info = await client.exec<unknown>(["info"]);
    return typeof info === "string" ? /^maxmemory_policy:(\S+)/m.exec(info)?.[1] : undefined;
  } catch (error) {
    if (isAnswer(error)) return undefined;
    throw error;
  }
}

const eviction = {
  setting: "eviction",
  mend: "switch Eviction off in the database's settings in the Upstash console",
};

const refusedScripts = {
  setting: "EVALSHA",
  mend: "give the client a token that may write and run scripts, not a read-only one",
};

const ignoredExpiry: Finding = {
  setting: "SET PX, SET KEEPTTL",
  problem: "a key that was written with a time to live has none: records would stay for ever or go too early",
  mend: "connect to a server that implements SET with PX and KEEPTTL",
};
