import {
  createOnceover,
  type Mount,
  memoryStore,
  type Onceover,
  type RequestFacts,
  SHARED_SCOPE,
} from "@onceover/core";
import { pins } from "@onceover/core/pins";
import { createPinKeys, memoryRegistry, type RevisionRegistry, revisions } from "@onceover/core/revisions";

/** One way to serve the same request. */
export interface Gateway {
  readonly name: string;
  /** @throws where the request was not let in: no figure is worth more than that. */
  serve(): void;
}

const OURS = { schemaRev: 12, indexHash: "ix1-9f86d081", modelTag: "e5-small-2" };
const HEADERS: Readonly<Record<string, readonly string[]>> = {
  "schema-rev": ["12"],
  "index-hash": ["ix1-9f86d081"],
  "model-tag": ["e5-small-2"],
  accept: ["application/json"],
  cookie: ["theme=dark; session=0123456789abcdef"],
};
const NONE: readonly string[] = [];
const REQUEST: RequestFacts = {
  method: "GET",
  target: "/search?q=revision",
  header: (name) => HEADERS[name] ?? NONE,
  body: () => ({ outcome: "consumed" }),
  request: undefined,
};

/** Nothing is read anew while it is measured. */
const CALM_MS = 3_600_000;
/** How many other revisions are live. */
const OTHERS = [1, 100, 1000];

/** The ways, the one without pins first. */
export async function openGateways(): Promise<Gateway[]> {
  const without = createOnceover(instanceOf("r0"));
  const alone = createOnceover({
    ...instanceOf("r0"),
    pins: pins({ writes: OURS, read: () => OURS, refreshMs: CALM_MS }),
  });
  const among = await Promise.all(OTHERS.map(openAmong));
  return Promise.all([
    gatewayOf("without pins", without),
    gatewayOf("pins, one revision", alone),
    ...among.map((once, at) => gatewayOf(`pins and revision pins, among ${OTHERS[at]} others`, once)),
  ]);
}

function instanceOf(revision: string) {
  return { service: "bench", revision, store: memoryStore(), scope: SHARED_SCOPE } as const;
}

async function openAmong(others: number): Promise<Onceover> {
  const registry = memoryRegistry();
  await announced(multiplied(registry, others), "r1", { ...OURS, indexHash: "ix1-1" });
  return announced(registry, "r0", OURS);
}

/** Writes what `r1` says under as many names as there are others: to announce a thousand one by one takes a thousand lists. */
function multiplied(registry: RevisionRegistry, others: number): RevisionRegistry {
  return {
    ...registry,
    async write(service, id, text, keepMs) {
      for (let at = 1; at <= others; at++) {
        await registry.write(service, id.replace("r1", `r${at}`), text.replace('"r1"', `"r${at}"`), keepMs);
      }
    },
  };
}

async function announced(registry: RevisionRegistry, revision: string, writes: typeof OURS): Promise<Onceover> {
  const keys = createPinKeys({ service: "bench", keys: [{ id: "k1", secret: new Uint8Array(32) }] });
  const rules = pins({
    writes,
    read: () => writes,
    refreshMs: CALM_MS,
    revisions: revisions({ registry, keys, instance: revision, heartbeatMs: CALM_MS }),
  });
  const once = createOnceover({ ...instanceOf(revision), pins: rules });
  await once.pins.announce();
  return once;
}

async function gatewayOf(name: string, once: Onceover): Promise<Gateway> {
  const mount = once.mount();
  // Reads what the backend has, and has a token made.
  await mount.attempt(REQUEST);
  return { name, serve: () => serve(mount) };
}

function serve(mount: Mount): void {
  const verdict = mount.attempt(REQUEST);
  if (verdict instanceof Promise || verdict.action !== "pass") throw new Error("the request was not let in at once");
  verdict.pinned?.dress(200, () => undefined);
}
