/** Bugs planted in core's own source text. */

import type { Patch } from "./planted-core.js";

/** The bugs by name. */
export const PLANTED_BUGS: Readonly<Record<string, readonly Patch[]>> = {
  "the revision is part of the store key": [
    {
      file: "attempt.ts",
      find: "storeKey(sha256, shell.service, scope, idempotencyKey)",
      replace: "storeKey(sha256, shell.service + shell.revision, scope, idempotencyKey)",
    },
  ],
  "the scope is no part of the store key": [
    {
      file: "attempt.ts",
      find: "storeKey(sha256, shell.service, scope, idempotencyKey)",
      replace: "storeKey(sha256, shell.service, [], idempotencyKey)",
    },
  ],
  "an answer leaves though its transaction was rolled back": [
    {
      file: "run-ending.ts",
      find: "return this.#undone(record, written);",
      replace: "return this.settle(undefined);",
    },
  ],
  "a commit that nobody knows the end of counts as not executed": [
    {
      file: "run-ending.ts",
      find: 'isCertain ? {} : { members: { executed: "unknown" } }',
      replace: "{}",
    },
  ],
  "a store that fails lets the request through": [
    {
      file: "claim.ts",
      find: 'if (mount.settings.onStoreDown === "refuse" || code === "store-unfit") {',
      replace: 'if (code === "store-unfit") {',
    },
  ],
  "the answer leaves before its record is stored": [
    {
      file: "run-ending.ts",
      find: "let written = await this.#store(record);",
      replace: 'void this.#store(record);\n    let written: string = "ok";',
    },
  ],
  "an unknown outcome is run again though effects happen once": [
    {
      file: "claim.ts",
      find: 'effects === "repeatable" && !transactional ? { takeOver: true } : {}',
      replace: "{ takeOver: true }",
    },
  ],
  "the payload is compared with no done record": [
    {
      file: "decide.ts",
      find: "decoded.record.fingerprint === fingerprint ?",
      replace: "decoded.record !== undefined ?",
    },
    {
      file: "verdict.ts",
      find: "if (record.fingerprint !== fingerprint) return",
      replace: "if (record === undefined) return",
    },
  ],
  "a record at hand is given to another payload": [
    {
      file: "verdict.ts",
      find: "if (record.fingerprint !== fingerprint) return",
      replace: "if (record === undefined) return",
    },
  ],
  "another payload waits for a run in the same process": [
    {
      file: "attempt.ts",
      find: "if (flight.fingerprint !== arrival.fingerprint) return refuse(",
      replace: "if (flight === undefined) return refuse(",
    },
  ],
  "a process has one token for all its claims": [
    {
      file: "claim.ts",
      find: "?? shell.platform.token();",
      replace: "?? (Object.assign(shell, { only: Reflect.get(shell, 'only') ?? shell.platform.token() })).only;",
    },
  ],
  "a refused record is taken for a stored one": [
    { file: "run-ending.ts", find: 'if (written === "stale") return this.#replaced();', replace: "" },
  ],
  "a record that could not be stored frees its key": [
    {
      file: "run-ending.ts",
      find: "const tryAgain = async () => {",
      replace:
        'const tryAgain = async () => {\n      const { key, token } = this.#claim;\n      if (key !== "") return giveBack(shell, key, token, ["ok"]).then(() => "done" as const);',
    },
  ],
  "a lease is never renewed": [
    { file: "lease.ts", find: "const renewed = await this.#holder.renew();", replace: 'const renewed: string = "ok";' },
  ],
  "a failure frees the key though effects happen once": [
    { file: "decide.ts", find: 'effects === "repeatable" && status >= 500', replace: "status >= 500" },
  ],
  "a claim that was to settle an unknown outcome is given back": [
    {
      file: "claim.ts",
      find: 'if (typeof plan.takeOver === "number") return landRefusal(',
      replace: "if (plan.takeOver === -1) return landRefusal(",
    },
  ],
  "a run begins though its lease has ended": [
    {
      file: "claim.ts",
      find: "if (decision.transaction === undefined && shell.platform.monotonicMs() - sentAtMs >= settings.leaseMs) {",
      replace: "if (sentAtMs === -1) {",
    },
  ],
};
