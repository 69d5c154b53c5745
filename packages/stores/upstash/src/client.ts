import type { Redis } from "@upstash/redis";

/** What is used of a client of @upstash/redis: its own class, and those for Cloudflare and Fastly, all have it. */
export type UpstashClient = Pick<Redis, "exec" | "pipeline" | "scan">;

/** Whether `candidate` has the methods of a client. */
export function isClient(candidate: unknown): candidate is UpstashClient {
  const { exec, pipeline, scan } = (candidate ?? {}) as Partial<UpstashClient>;
  return [exec, pipeline, scan].every((method) => typeof method === "function");
}
