/** What is known of the platforms that start and stop processes: how long they wait before they kill. */

/** Where a process runs, as far as its environment tells. */
export type PlatformName =
  | "render"
  | "heroku"
  | "fly"
  | "ecs"
  | "kubernetes"
  | "cloud-run"
  | "systemd"
  /** Nothing that was recognised, and nobody known to kill. */
  | "none";

/** One platform. */
export interface Platform {
  readonly name: PlatformName;
  /** As it is called in sentences. */
  readonly title: string;
  /** Variables it sets in each process; any one of them tells it. */
  readonly signs: readonly string[];
  /** From the signal to the kill, where nothing else was set. */
  readonly graceMs: number;
  /** What it tells a process to leave by, where nothing else was set. @default "SIGTERM" */
  readonly signal?: "SIGINT";
  /** The longest that can be set, where there is such a limit. */
  readonly longestGraceMs?: number;
  /** What sets it; without one it is the same for all. */
  readonly setting?: string;
}

/**
 * The more particular before what it is built on: Render runs on Kubernetes, and so does Knative, which sets the variables of
 * Cloud Run.
 */
export const PLATFORMS: readonly Platform[] = [
  {
    // Render Docs, "Blueprint YAML Reference": maxShutdownDelaySeconds, 30 unless set, at most 300; "Default Environment Variables".
    name: "render",
    title: "Render",
    signs: ["RENDER"],
    graceMs: 30_000,
    longestGraceMs: 300_000,
    setting: "maxShutdownDelaySeconds",
  },
  {
    // Heroku Dev Center, "Dyno Shutdown Behavior": 30 seconds, for all; "Dyno Startup Behavior": DYNO.
    name: "heroku",
    title: "Heroku",
    signs: ["DYNO"],
    graceMs: 30_000,
    longestGraceMs: 30_000,
  },
  {
    // Fly Docs, "Fly Launch configuration (fly.toml)": kill_timeout, 5 seconds unless set, at most 300, and kill_signal, SIGINT unless set; "The Machine Runtime Environment".
    name: "fly",
    title: "Fly",
    signs: ["FLY_APP_NAME"],
    signal: "SIGINT",
    graceMs: 5_000,
    longestGraceMs: 300_000,
    setting: "kill_timeout",
  },
  {
    // Amazon ECS API Reference, "ContainerDefinition": stopTimeout, 30 seconds unless set, at most 120 on Fargate and without a
    // limit on EC2; Amazon ECS Developer Guide, "Task metadata endpoint version 4".
    name: "ecs",
    title: "Amazon ECS",
    signs: ["ECS_CONTAINER_METADATA_URI_V4", "ECS_CONTAINER_METADATA_URI"],
    graceMs: 30_000,
    setting: "stopTimeout",
  },
  {
    // Kubernetes Documentation, "Pod Lifecycle", "Termination of Pods": 30 seconds unless set, a preStop hook included; "Accessing
    // the Kubernetes API from a Pod": KUBERNETES_SERVICE_HOST.
    name: "kubernetes",
    title: "Kubernetes",
    signs: ["KUBERNETES_SERVICE_HOST"],
    graceMs: 30_000,
    setting: "terminationGracePeriodSeconds",
  },
  {
    // Google Cloud Documentation, "Container runtime contract": 10 seconds, for all; K_SERVICE.
    name: "cloud-run",
    title: "Cloud Run",
    signs: ["K_SERVICE"],
    graceMs: 10_000,
    longestGraceMs: 10_000,
  },
  {
    // systemd-system.conf(5): DefaultTimeoutStopSec, 90 seconds unless set; systemd.exec(5), "Environment variables in spawned processes".
    name: "systemd",
    title: "systemd",
    signs: ["INVOCATION_ID", "NOTIFY_SOCKET"],
    graceMs: 90_000,
    setting: "TimeoutStopSec",
  },
];

/** Variables by name, such as `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** Tells the platform by its variables; an empty one is as good as none. */
export function platformOf(environment: Environment): Platform | undefined {
  return PLATFORMS.find(({ signs }) => signs.some((sign) => (environment[sign] ?? "") !== ""));
}
