import { describe, expect, it } from "vitest";
import { planDrain } from "../../src/drain/plan-drain.js";
import { PLATFORMS } from "../../src/drain/platforms.js";

const GRACE = "TERMINATION_GRACE_PERIOD_SECONDS";

/** Golden: what each platform gets where nothing else is said. */
const PLANS = [
  [{}, "none", [120_000, 15_000, 2_000, 5_000, 200, 5_000]],
  [{ K_SERVICE: "pay" }, "cloud-run", [8_000, 1_000, 1_000, 3_000, 200, 1_000]],
  [{ KUBERNETES_SERVICE_HOST: "10.0.0.1" }, "kubernetes", [28_000, 3_500, 2_000, 5_000, 200, 4_875]],
  [{ ECS_CONTAINER_METADATA_URI_V4: "http://x" }, "ecs", [28_000, 3_500, 2_000, 5_000, 200, 4_875]],
  [{ ECS_CONTAINER_METADATA_URI: "http://x" }, "ecs", [28_000, 3_500, 2_000, 5_000, 200, 4_875]],
  [{ FLY_APP_NAME: "pay" }, "fly", [4_000, 1_000, 1_000, 1_000, 200, 500]],
  [{ RENDER: "true" }, "render", [28_000, 3_500, 2_000, 5_000, 200, 4_875]],
  [{ DYNO: "web.1" }, "heroku", [28_000, 3_500, 2_000, 5_000, 200, 4_875]],
  [{ INVOCATION_ID: "1" }, "systemd", [88_000, 15_000, 2_000, 5_000, 200, 5_000]],
  [{ NOTIFY_SOCKET: "/run/x" }, "systemd", [88_000, 15_000, 2_000, 5_000, 200, 5_000]],
] as const;

describe("planDrain", () => {
  it.each(PLANS)("of %j is the golden plan of %s", (environment, platform, times) => {
    const [budgetMs, holdMs, quietMs, farewellMs, lingerMs, spreadMs] = times;
    const plan = planDrain(environment);
    expect(plan).toMatchObject({ platform, budgetMs, holdMs, quietMs, farewellMs, lingerMs, spreadMs });
  });

  it.each([
    ["Render, which runs on Kubernetes", { RENDER: "true", KUBERNETES_SERVICE_HOST: "1" }, "render"],
    [
      "Knative on Kubernetes, which sets the variables of Cloud Run",
      { K_SERVICE: "1", KUBERNETES_SERVICE_HOST: "1" },
      "kubernetes",
    ],
    ["a container whose host runs systemd", { KUBERNETES_SERVICE_HOST: "1", INVOCATION_ID: "1" }, "kubernetes"],
    ["an empty variable, which is as good as none", { K_SERVICE: "", DYNO: undefined }, "none"],
  ])("recognises %s", (_, environment, platform) => {
    expect(planDrain(environment).platform).toBe(platform);
  });

  it("names the signal that the platform sends: SIGTERM, and SIGINT on Fly", () => {
    const signals = PLATFORMS.map(({ name, signs: [sign = ""] }) => [name, planDrain({ [sign]: "1" }).signal]);
    expect(Object.fromEntries(signals)).toEqual({
      render: "SIGTERM",
      heroku: "SIGTERM",
      fly: "SIGINT",
      ecs: "SIGTERM",
      kubernetes: "SIGTERM",
      "cloud-run": "SIGTERM",
      systemd: "SIGTERM",
    });
    expect(planDrain({}).signal).toBe("SIGTERM");
  });

  it("says nothing where everything fits", () => {
    expect(planDrain({}).warnings).toEqual([]);
    expect(planDrain({ INVOCATION_ID: "1" }).warnings).toEqual([]);
    expect(planDrain({ KUBERNETES_SERVICE_HOST: "1", [GRACE]: "82" }).warnings).toEqual([]);
  });

  it("says of each time that was shortened by whom, and what to set", () => {
    const because = "because Kubernetes kills 30 s after the signal; ";
    const mend = `set terminationGracePeriodSeconds, and the variable ${GRACE} with it, to 82 or more.`;
    expect(planDrain({ KUBERNETES_SERVICE_HOST: "1" }).warnings).toEqual([
      `holdMs is 3500, not 15000, ${because}${mend}`,
      `drainMs is 19500, not 60000, ${because}${mend}`,
    ]);
  });

  it("fits where it is done as the warning says", () => {
    for (const { name, signs, setting, longestGraceMs = Number.POSITIVE_INFINITY } of PLATFORMS) {
      const [sign = ""] = signs;
      const tight = planDrain({ [sign]: "1", [GRACE]: "5" });
      const [, seconds = ""] = /to (\d+) or more\.$/.exec(tight.warnings.at(-1) ?? "") ?? [];
      if (longestGraceMs < 82_000) expect(tight.warnings.at(-1)).toMatch(/cannot be told to wait longer/);
      else expect(planDrain({ [sign]: "1", [GRACE]: seconds }), name).toMatchObject({ warnings: [], budgetMs: 80_000 });
      if (setting !== undefined) expect(tight.warnings.at(-1)).toContain(`set ${setting}, and`);
    }
  });

  it("says to set the most there is where even that does not suffice", () => {
    const { warnings } = planDrain({ RENDER: "true" }, { drainMs: 600_000 });
    expect(warnings.at(-1)).toMatch(/to 300, the most there is\.$/);
  });

  it("gives finite streams all there is where the grace period is long", () => {
    const plan = planDrain({ KUBERNETES_SERVICE_HOST: "1", [GRACE]: "3600" });
    expect(plan).toMatchObject({ budgetMs: 3_598_000, holdMs: 15_000, farewellMs: 5_000, warnings: [] });
  });

  it("gives a usable plan for a grace period of one second", () => {
    const plan = planDrain({ KUBERNETES_SERVICE_HOST: "1", [GRACE]: "1" });
    expect(plan).toMatchObject({
      budgetMs: 800,
      holdMs: 200,
      quietMs: 200,
      farewellMs: 200,
      lingerMs: 100,
      spreadMs: 100,
    });
    expect(plan.warnings).toHaveLength(5);
  });

  it.each(["abc", "-1", "0", "00", "1.5", "1e3", "30s", "1000000", "Infinity", "0x10", "١"])(
    "warns of a grace period of %j, and takes the usual one",
    (told) => {
      const usual = planDrain({ KUBERNETES_SERVICE_HOST: "1" });
      const { warnings, ...plan } = planDrain({ KUBERNETES_SERVICE_HOST: "1", [GRACE]: told });
      const warning = `${GRACE} must be a whole number of seconds from 1 to 999999, got ${JSON.stringify(told)}: `;
      expect({ ...plan, warnings: usual.warnings }).toEqual(usual);
      expect(warnings).toEqual([`${warning}30 s are taken, as is usual on Kubernetes.`, ...usual.warnings]);
      expect(planDrain({ [GRACE]: told })).toMatchObject({
        budgetMs: 120_000,
        warnings: [`${warning}it is taken as not set.`],
      });
    },
  );

  it.each(["82", " 82 ", "082"])("reads a grace period of %j", (told) => {
    expect(planDrain({ [GRACE]: told }).budgetMs).toBe(80_000);
  });

  it("does not believe in a grace period that the platform never gives", () => {
    const plan = planDrain({ K_SERVICE: "1", [GRACE]: "60" });
    expect(plan.budgetMs).toBe(8_000);
    expect(plan.warnings[0]).toBe(`${GRACE} is 60, but Cloud Run never waits longer than 10 s: that is what counts.`);
  });

  it("believes in a budget that was wished for where only the usual grace period is known", () => {
    expect(planDrain({ KUBERNETES_SERVICE_HOST: "1" }, { budgetMs: 100_000 })).toMatchObject({
      budgetMs: 100_000,
      warnings: [],
    });
  });

  it.each([
    [
      "the platform kills for certain before",
      { K_SERVICE: "1" },
      8_000,
      "because Cloud Run kills 10 s after the signal",
    ],
    [
      "the deployment says otherwise",
      { FLY_APP_NAME: "1", [GRACE]: "20" },
      18_000,
      "because Fly kills 20 s after the signal",
    ],
  ])("shortens a budget that was wished for where %s", (_, environment, budgetMs, because) => {
    const plan = planDrain(environment, { budgetMs: 100_000 });
    expect(plan.budgetMs).toBe(budgetMs);
    expect(plan.warnings[0]).toContain(`budgetMs is ${budgetMs}, not 100000, ${because}; `);
  });

  it("says that the budget that was wished for is too small for the rest", () => {
    expect(planDrain({}, { budgetMs: 70_000 }).warnings).toEqual([
      "holdMs is 8750, not 15000, because budgetMs is 70000; set it to 80000 or more.",
      "drainMs is 56250, not 60000, because budgetMs is 70000; set it to 80000 or more.",
    ]);
  });

  it("keeps the margin that was wished for, of at most half the grace period", () => {
    expect(planDrain({ INVOCATION_ID: "1" }, { marginMs: 5_000 })).toMatchObject({ budgetMs: 85_000, warnings: [] });
    const { budgetMs, warnings } = planDrain({ [GRACE]: "4" }, { budgetMs: 1_000, marginMs: 3_000 });
    expect(budgetMs).toBe(1_000);
    expect(warnings.at(-1)).toMatch(
      /^marginMs is 2000, not 3000, because the platform kills 4 s after the signal; set /,
    );
  });

  it("spreads as wished, within a quarter of the drain, and makes room for it where nobody kills", () => {
    expect(planDrain({}, { spreadMs: 50_000 })).toMatchObject({ spreadMs: 50_000, budgetMs: 220_000, warnings: [] });
    const { spreadMs, warnings } = planDrain({ INVOCATION_ID: "1" }, { spreadMs: 50_000 });
    expect(spreadMs).toBe(17_000);
    expect(warnings).toEqual([
      expect.stringMatching(/^spreadMs is 17000, not 50000, because systemd kills 90 s .* to 222 or more\.$/),
    ]);
  });

  it("lets defaults give way to what was wished for, without a word", () => {
    expect(planDrain({}, { holdMs: 500, farewellMs: 300 })).toMatchObject({
      quietMs: 500,
      lingerMs: 150,
      warnings: [],
    });
  });

  it.each([
    [{ holdMs: 0 }, "holdMs must be a whole number of milliseconds from 1 to 2147483647, got 0"],
    [{ drainMs: -1 }, "drainMs must be a whole number of milliseconds from 1 to 2147483647, got -1"],
    [{ farewellMs: 1.5 }, "farewellMs must be a whole number of milliseconds from 1 to 2147483647, got 1.5"],
    [{ spreadMs: 2 ** 31 }, "spreadMs must be a whole number of milliseconds from 1 to 2147483647, got 2147483648"],
    [{ marginMs: Number.NaN }, "marginMs must be a whole number of milliseconds from 1 to 2147483647, got NaN"],
    [{ budgetMs: 99 }, "budgetMs must be a whole number of milliseconds from 100 to 2147483647, got 99"],
    [{ holdMs: 1_000, quietMs: 1_001 }, "quietMs must be at most holdMs, 1000, got 1001"],
    [{ farewellMs: 1_000, lingerMs: 501 }, "lingerMs must be at most half of farewellMs, 500, got 501"],
    [
      { budgetMS: 5 },
      "planDrain has no option budgetMS; it has budgetMs, holdMs, quietMs, drainMs, farewellMs, lingerMs, spreadMs, marginMs",
    ],
  ])("refuses the wishes %j", (wishes, message) => {
    expect(() => Reflect.apply(planDrain, undefined, [{}, wishes])).toThrow(new TypeError(message));
  });

  it("refuses an environment that is none", () => {
    const message = "environment must be an object of variables, got undefined";
    expect(() => Reflect.apply(planDrain, undefined, [undefined])).toThrow(new TypeError(message));
  });

  it("takes `undefined` for not given", () => {
    const none = {
      budgetMs: undefined,
      holdMs: undefined,
      quietMs: undefined,
      spreadMs: undefined,
      marginMs: undefined,
    };
    expect(planDrain({}, none)).toEqual(planDrain({}));
  });
});
