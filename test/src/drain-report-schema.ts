import type { DrainReport } from "@onceover/core/drain";
import schema from "@onceover/core/drain-report.schema.json" with { type: "json" };
import { Ajv2020 } from "ajv/dist/2020.js";

const holds = new Ajv2020({ strictTypes: false }).compile(schema);

/** What of a report is not as the published schema has it; an empty list where all is. */
export function faultsOf(report: DrainReport): readonly string[] {
  return holds(JSON.parse(JSON.stringify(report)))
    ? []
    : (holds.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}
