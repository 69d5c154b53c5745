import { type Finding, OnceoverError, type Verified } from "@onceover/core";
import type { Redis } from "ioredis";
import { isCluster, mastersOf, type RedisClient } from "./client.js";

/** What to verify: `waitReplicas` is 0 where none was asked for; `probe` tries the commands that the scripts rely on. */
export interface Verification {
  readonly client: RedisClient;
  readonly waitReplicas: number;
  readonly probe: () => Promise<{ readonly ttlMs: number; readonly keptTtlMs: number }>;
}

/** What a server says of itself; what a managed service hides is undefined. */
interface Server {
  readonly name: string;
  readonly version: string | undefined;
  readonly role: string | undefined;
  readonly policy: string | undefined;
  readonly appendOnly: boolean;
  readonly replicas: number;
}

/** Reads the settings of every server that holds records, and says which of them break the promise and what to do. */
export async function verifyRedis({ client, waitReplicas, probe }: Verification): Promise<Verified> {
  const servers = await Promise.all((await mastersOf(client)).map(examine));
  const ofServers = servers.flatMap((server) => [...serverFindings(server), ...waitFindings(server, waitReplicas)]);
  const isReplica = servers.some(({ role }) => role === "slave");
  const findings = isReplica ? ofServers : [...ofServers, ...(await probeFindings(probe))];
  return { tier: waitReplicas > 0 && findings.length === 0 ? "T2" : "T1", findings };

  async function examine(server: Redis): Promise<Server> {
    const info = parseInfo(await server.info());
    const { host, port } = server.options;
    return {
      name: isCluster(client) ? `${host}:${port}` : "the server",
      version: info.get("redis_version"),
      role: info.get("role"),
      policy: info.get("maxmemory_policy") ?? (await setting(server, "maxmemory-policy")),
      appendOnly: (info.get("aof_enabled") ?? (await setting(server, "appendonly")))?.match(/^(1|yes)$/) != null,
      replicas: [...info].filter(([name, value]) => /^slave\d+$/.test(name) && value.includes("state=online")).length,
    };
  }
}

function serverFindings({ name, version, role, policy }: Server): Finding[] {
  const findings: Finding[] = [];
  if (role === "slave") {
    findings.push({
      setting: "replicaof",
      problem: `${name} is a replica: it refuses writes and knows of records late`,
      mend: "connect to the master, or through Sentinel with role master",
    });
  }
  if (policy !== "noeviction") {
    findings.push({
      setting: "maxmemory-policy",
      problem: `${name} has ${policy ?? "a policy that it does not tell"}: a record that is evicted is a request that runs twice`,
      mend: "CONFIG SET maxmemory-policy noeviction, and the same in the configuration file or parameter group",
    });
  }
  if (version !== undefined && isBefore62(version)) {
    findings.push({
      setting: "redis_version",
      problem: `${name} is Redis ${version}, which lacks commands that the scripts use`,
      mend: "use Redis 6.2 or later",
    });
  }
  return findings;
}

function waitFindings({ name, appendOnly, replicas }: Server, waitReplicas: number): Finding[] {
  if (waitReplicas === 0) return [];
  const findings: Finding[] = [];
  if (!appendOnly) {
    findings.push({
      setting: "appendonly",
      problem: `${name} keeps no append-only file: a restart loses records that were confirmed`,
      mend: "CONFIG SET appendonly yes, there and on its replicas, and the same in the configuration file",
    });
  }
  if (replicas < waitReplicas) {
    findings.push({
      setting: "waitReplicas",
      problem: `${name} has ${replicas} replicas online, fewer than the ${waitReplicas} that must confirm each write`,
      mend: "add replicas or ask for fewer",
    });
  }
  if (replicas > waitReplicas) {
    findings.push({
      setting: "waitReplicas",
      problem: `${name} has ${replicas} replicas online, and ${waitReplicas} must confirm each write: a fail-over may promote one that did not`,
      mend: `waitReplicas: ${replicas}`,
    });
  }
  return findings;
}

/** A server that refuses the probe was reached all the same, and would refuse every call. */
async function probeFindings(probe: Verification["probe"]): Promise<Finding[]> {
  try {
    const { ttlMs, keptTtlMs } = await probe();
    return ttlMs > 0 && keptTtlMs > 0 ? [] : [ignoredExpiry];
  } catch (error) {
    const isFull = error instanceof OnceoverError && error.code === "store-full";
    if (isFull) return [];
    if (error instanceof OnceoverError && error.cause instanceof Error && error.cause.name === "ReplyError") {
      return [{ ...refusedScripts, problem: `the server refused a script: ${error.cause.message}` }];
    }
    throw error;
  }
}

const ignoredExpiry: Finding = {
  setting: "SET PX, SET KEEPTTL",
  problem: "a key that was written with a time to live has none: records would stay for ever or go too early",
  mend: "connect to a server that implements SET with PX and KEEPTTL",
};

const refusedScripts = {
  setting: "EVALSHA",
  mend: "let the client's user run EVAL and EVALSHA, and what they call, on keys of the prefix",
};

function isBefore62(version: string): boolean {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  return major < 6 || (major === 6 && minor < 2);
}

function parseInfo(text: string): Map<string, string> {
  const lines = text.split(/\r?\n/).filter((line) => line.includes(":") && !line.startsWith("#"));
  return new Map(lines.map((line) => [line.slice(0, line.indexOf(":")), line.slice(line.indexOf(":") + 1)]));
}

/** Managed services forbid CONFIG: then the setting is not known. */
async function setting(server: Redis, name: string): Promise<string | undefined> {
  const reply: unknown = await server.config("GET", name).catch(() => undefined);
  const value: unknown = Array.isArray(reply) ? reply[1] : undefined;
  return typeof value === "string" ? value : undefined;
}
