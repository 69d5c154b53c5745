/** What stands between clients and the one revision that is to have what is new. */
import { startHaproxy } from "./haproxy.js";
import { startTcpSwitch } from "./tcp-switch.js";

/** A front; whoever starts it stops it. */
export interface Front {
  /** Without a slash at its end. */
  readonly url: string;
  /** Says where the next revision listens. The one before is not taken away: it has to say itself that it leaves. */
  point(port: number): Promise<void>;
  stop(): Promise<void>;
}

/** A HAProxy that asks both revisions every 100 ms whether they are ready. */
export async function startBalancer(port: number): Promise<Front> {
  const haproxy = await startHaproxy({ servers: ["a", "b"], timeoutMs: 5000, readiness: "/readyz" });
  let next: "a" | "b" = "a";
  const point = async (port: number) => {
    await haproxy.point(next, port);
    next = next === "a" ? "b" : "a";
  };
  await point(port);
  return { url: `http://127.0.0.1:${haproxy.port}`, point, stop: haproxy.stop };
}

/** A HAProxy that asks nobody: it sends all to where it was told last, and answers 503 where nobody listens. */
export async function startBlindBalancer(port: number): Promise<Front> {
  const haproxy = await startHaproxy({ servers: ["only"], timeoutMs: 5000 });
  const point = (port: number) => haproxy.point("only", port);
  await point(port);
  return { url: `http://127.0.0.1:${haproxy.port}`, point, stop: haproxy.stop };
}

/** A switch, that asks nobody anything: an open connection leads where it has always led. */
export async function startSwitch(port: number): Promise<Front> {
  const { url, point, stop } = await startTcpSwitch(port);
  return { url, point: async (port) => point(port), stop };
}
