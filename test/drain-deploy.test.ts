/**
 * The manifest and the unit of examples/drain, put to work: what starts, asks and stops a container or a service is played by the
 * test, by the numbers that stand in those files.
 */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { planDrain } from "@onceover/core/drain";
import { type Child, startChild } from "@onceover/test/child";
import { freePort } from "@onceover/test/free-port";
import { until } from "@onceover/test/wait";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";

const folder = join(import.meta.dirname, "../examples/drain");

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly env: readonly { readonly name: string; readonly value: string }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly lifecycle?: unknown;
}

interface PodSpec {
  readonly terminationGracePeriodSeconds: number;
  readonly containers: readonly [Container];
}

function podSpec(): PodSpec {
  const [deployment] = parseAllDocuments(readFileSync(join(folder, "kubernetes.yaml"), "utf8"));
  return deployment?.toJS().spec.template.spec;
}

/** `Name=value` by name; a name may come twice. */
function unitLines(text: string): Map<string, string[]> {
  const lines = new Map<string, string[]>();
  for (const [, name = "", value = ""] of text.matchAll(/^([A-Za-z]+)=(.*)$/gm)) {
    lines.set(name, [...(lines.get(name) ?? []), value]);
  }
  return lines;
}

function variablesOf(lines: ReadonlyMap<string, readonly string[]>, instance: string): Record<string, string> {
  const words = (lines.get("Environment") ?? []).flatMap((line) => line.replaceAll("%i", instance).split(" "));
  return Object.fromEntries(words.map((word) => word.split("=")));
}

function start(env: Readonly<Record<string, string>>): Promise<Child> {
  const args = ["--conditions", "onceover-src", "--import", "tsx", join(folder, "payments.ts")];
  return startChild(process.execPath, args, { ready: /^listening$/m, env: { ...process.env, ...env } });
}

async function statusOf(url: string): Promise<number> {
  const answer = await fetch(url);
  await answer.arrayBuffer();
  return answer.status;
}

/** Begins a stream of 20 words, stops the process, and says what became of both. */
async function stopWhileItSpeaks(env: Readonly<Record<string, string>>, paths: { ready: string; live: string }) {
  const child = await start(env);
  const origin = `http://127.0.0.1:${env.PORT}`;
  const serving = [await statusOf(origin + paths.ready), await statusOf(origin + paths.live)];
  const words = fetch(`${origin}/tokens`).then((answer) => answer.text());
  const startedMs = performance.now();
  process.kill(child.pid, "SIGTERM");
  await until("it is not ready any more", async () => (await statusOf(origin + paths.ready)) === 503);
  const leaving = await statusOf(origin + paths.live);
  const text = await words;
  await child.ended;
  const line = child.output().match(/^\{"format".*$/m)?.[0] ?? "{}";
  return { serving, leaving, text, report: JSON.parse(line), tookMs: performance.now() - startedMs };
}

describe.concurrent("examples/drain/kubernetes.yaml", () => {
  const spec = podSpec();
  const [container] = spec.containers;
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));

  it("tells the process the grace period that the pod has, and streams of a minute fit into it without a warning", () => {
    expect(env.TERMINATION_GRACE_PERIOD_SECONDS).toBe(String(spec.terminationGracePeriodSeconds));
    const plan = planDrain({ KUBERNETES_SERVICE_HOST: "10.0.0.1", ...env });
    expect(plan).toMatchObject({ platform: "kubernetes", warnings: [] });
    expect(plan.budgetMs - plan.holdMs - plan.farewellMs).toBeGreaterThanOrEqual(60_000);
    expect(plan.budgetMs).toBeLessThan(spec.terminationGracePeriodSeconds * 1000);
  });

  it("probes the port that the process listens at, and has no hook that would take from the grace period", () => {
    expect(container.ports).toEqual([{ name: "http", containerPort: Number(env.PORT) }]);
    expect(container.readinessProbe.httpGet.port).toBe("http");
    expect(container.livenessProbe.httpGet.port).toBe("http");
    expect(container.lifecycle).toBeUndefined();
  });

  it("a pod that is stopped is taken out by its readiness alone, finishes its stream and exits 0 in time", async () => {
    const PORT = String(await freePort());
    const paths = { ready: container.readinessProbe.httpGet.path, live: container.livenessProbe.httpGet.path };
    const stopped = await stopWhileItSpeaks({ ...env, KUBERNETES_SERVICE_HOST: "10.0.0.1", PORT }, paths);
    expect(stopped).toMatchObject({ serving: [200, 200], leaving: 200 });
    expect(stopped.text).toMatch(/^id: 1\n[\s\S]*data: word 20\n\n$/);
    expect(stopped.report).toMatchObject({ reason: "SIGTERM", verdict: "clean", requests: { cut: 0 } });
    expect(stopped.tookMs).toBeLessThan(spec.terminationGracePeriodSeconds * 1000);
  });
});

describe.concurrent("examples/drain/payments@.service", () => {
  const text = readFileSync(join(folder, "payments@.service"), "utf8");
  const lines = unitLines(text);

  it("tells the process the time that systemd gives it, and streams of a minute fit into it without a warning", () => {
    const env = variablesOf(lines, "8081");
    expect(lines.get("TimeoutStopSec")).toEqual([env.TERMINATION_GRACE_PERIOD_SECONDS]);
    const plan = planDrain({ INVOCATION_ID: "0123", ...env });
    expect(plan).toMatchObject({ platform: "systemd", warnings: [] });
    expect(plan.budgetMs - plan.holdMs - plan.farewellMs).toBeGreaterThanOrEqual(60_000);
  });

  it("signals the process alone, and by the signal that it listens to", () => {
    expect(lines.get("KillMode")).toEqual(["mixed"]);
    expect(lines.get("KillSignal")).toEqual(["SIGTERM"]);
  });

  it("a service that is stopped finishes its stream and exits 0", async () => {
    const port = String(await freePort());
    const env = { INVOCATION_ID: "0123", ...variablesOf(lines, port) };
    const stopped = await stopWhileItSpeaks({ PORT: port, ...env }, { ready: "/readyz", live: "/livez" });
    expect(stopped.text).toMatch(/data: word 20\n\n$/);
    expect(stopped.report).toMatchObject({ reason: "SIGTERM", verdict: "clean" });
  });

  // Where there is no systemd, its lines are held by the tests above.
  it.runIf(existsSync("/usr/bin/systemd-analyze"))("is a unit that systemd takes without a word", () => {
    const scratch = mkdtempSync(join(tmpdir(), "onceover-unit-"));
    const unit = join(scratch, "payments@8081.service");
    writeFileSync(unit, text.replace("/usr/bin/node", process.execPath));
    const said = execFileSync("/usr/bin/systemd-analyze", ["verify", "--man=no", unit], { stdio: "pipe" }).toString();
    rmSync(scratch, { recursive: true });
    expect(said).toBe("");
  });
});
