import { Agent, get } from "node:http";

/** What a front knows of the workers' readiness. */
export interface Readiness {
  /** Whether a worker has not said that it is to get nothing new. One that says nothing at all is taken for ready. */
  isReady(port: number): boolean;
  close(): void;
}

const EVERY_MS = 100;
const PATIENCE_MS = 1_000;
const PATH = "/readyz";

/** Asks each worker that is up ten times a second. */
export function watchReadiness(ports: () => readonly number[]): Readiness {
  const agent = new Agent({ keepAlive: true });
  const unready = new Set<number>();
  const asked = new Set<number>();

  function ask(port: number): void {
    if (asked.has(port)) return;
    asked.add(port);
    const request = get({ host: "127.0.0.1", port, path: PATH, agent, timeout: PATIENCE_MS }, (response) => {
      if (response.statusCode === 503) unready.add(port);
      else unready.delete(port);
      response.resume();
    });
    request.on("timeout", () => request.destroy());
    // One that was killed or is paused does not answer.
    request.on("error", () => {});
    request.on("close", () => asked.delete(port));
  }

  const timer = setInterval(() => ports().forEach(ask), EVERY_MS);
  return {
    isReady: (port) => !unready.has(port),
    close() {
      clearInterval(timer);
      agent.destroy();
    },
  };
}
